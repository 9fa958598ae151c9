"""Which files count as pictures, by the endings of their names, and which files and folders never do."""

from __future__ import annotations

import functools
import importlib.util

_ALWAYS = frozenset(
    {
        *(".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
        *(".tif", ".tiff"),
    }
)
_BY_FEATURE = {
    "webp": (".webp",),
    "avif": (".avif", ".avifs"),
    "jpg_2000": (".j2c", ".j2k", ".jp2", ".jpc", ".jpf", ".jpx"),
}
"""Endings of formats that Pillow reads only where it was built with the library for them, by its name for that."""
HEIF_ENDINGS = frozenset({".heic", ".heif", ".hif"})
"""What pillow-heif reads, which Pillow does not."""
_CLUTTER = frozenset(
    {
        *("__macosx", "__pycache__", "@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information"),
        *("desktop.ini", "thumbs.db", "ehthumbs.db"),
    }
)


@functools.cache
def readable_endings() -> frozenset[str]:
    """The endings of picture files that can be read on this machine, in lower case."""
    heif = HEIF_ENDINGS if importlib.util.find_spec("pillow_heif") else ()
    return _ALWAYS.union(heif, *(endings for name, endings in _BY_FEATURE.items() if _pillow_has(name)))


def ending(name: str) -> str:
    """The ending of a file's name with its dot, in lower case; empty if there is none."""
    return name[dot:].lower() if (dot := name.rfind(".")) > 0 else ""


def missing_reader(kind: str) -> str:
    """How to read the picture files with this ending, empty where they are readable or no pictures."""
    if kind in readable_endings():
        return ""
    if kind in HEIF_ENDINGS:
        return "install cnn-tui[heif]"
    if any(kind in endings for endings in _BY_FEATURE.values()):
        return "this build of Pillow cannot read them"
    return ""


def is_clutter(name: str) -> bool:
    """Whether a file or folder is hidden, or was made by a system for itself."""
    return name.startswith(".") or name.casefold() in _CLUTTER


def _pillow_has(feature: str) -> bool:
    """Whether Pillow was built with a library; older versions of Pillow do not know all names."""
    from PIL import features

    known = {*features.modules, *features.codecs, *features.features}
    return feature in known and bool(features.check(feature))
