"""Image files by their extensions, and files and folders that are never part of a dataset."""

from __future__ import annotations

import functools
import importlib.util

_ALWAYS = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff"}
)
_BY_FEATURE = {
    "webp": (".webp",),
    "avif": (".avif", ".avifs"),
    "jpg_2000": (".j2c", ".j2k", ".jp2", ".jpc", ".jpf", ".jpx"),
}
"""Extensions of formats that Pillow supports only if built with a library, by Pillow's name for the feature."""
HEIF_ENDINGS = frozenset({".heic", ".heif", ".hif"})
"""Extensions that need pillow-heif."""
_CLUTTER = frozenset(
    {
        *("__macosx", "__pycache__", "@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information"),
        *("desktop.ini", "thumbs.db", "ehthumbs.db"),
    }
)


@functools.cache
def readable_endings() -> frozenset[str]:
    """The extensions of image files that are readable on this machine, in lower case."""
    heif = HEIF_ENDINGS if importlib.util.find_spec("pillow_heif") else ()
    return _ALWAYS.union(heif, *(endings for name, endings in _BY_FEATURE.items() if _pillow_has(name)))


def ending(name: str) -> str:
    """The extension of a file name with its dot, in lower case; empty if there is none."""
    return name[dot:].lower() if (dot := name.rfind(".")) > 0 else ""


def missing_reader(extension: str) -> str:
    """How to make image files with this extension readable; empty if they already are, or are not images."""
    if extension in readable_endings():
        return ""
    if extension in HEIF_ENDINGS:
        return "install cnn-tui[heif]"
    if any(extension in endings for endings in _BY_FEATURE.values()):
        return "this build of Pillow cannot read them"
    return ""


def is_clutter(name: str) -> bool:
    """Whether a file or folder is hidden or created by an operating system for its own use."""
    return name.startswith(".") or name.casefold() in _CLUTTER


def _pillow_has(feature: str) -> bool:
    """Whether Pillow was built with a library; older versions do not know all names."""
    from PIL import features

    known = {*features.modules, *features.codecs, *features.features}
    return feature in known and bool(features.check(feature))
