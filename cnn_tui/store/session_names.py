"""Names for new sessions, told from those that there are by a number in brackets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from cnn_tui import paths
from cnn_tui.config.preset import RunPreset
from cnn_tui.store.files import slug
from cnn_tui.store.presets import SESSION_FILE, renamed

_LONGEST_STEM = 188  # with a number of nine digits it has the 200 characters that a name may have
# In brackets, so that a name's own number, as in "resnet 18", is never counted on.
_NUMBERED = re.compile(r"(?P<stem>.*\S) \((?P<number>[1-9][0-9]{0,8})\)", re.DOTALL)
_ID = r"[0-9]{{8}}T[0-9]{{6}}Z-({}|{}[0-9]+)(-[0-9]+)?"
_HEAD_BYTES = 4096  # a record begins with its name, which takes 2,400 bytes at the most
_NAME = re.compile(r'"name":\s*("(?:[^"\\]|\\.)*")')


def distinctly_named(preset: RunPreset) -> RunPreset:
    """A preset under the name that its session gets: its own, or with the next number where a session has that.

    After "pets" come "pets (2)" and "pets (3)", also where the second is what is run again.
    """
    numbered = _NUMBERED.fullmatch(preset.name)
    stem = numbered["stem"] if numbered else preset.name
    taken = set(_names_like(stem))
    if preset.name not in taken:
        return preset
    suffix = f" ({1 + max(_number(name, stem) for name in taken)})"
    return renamed(preset, _cut(stem) + suffix)


def _number(name: str, stem: str) -> int:
    """The number of a name with this stem, 1 for the stem itself, 0 for another name."""
    if name == stem:
        return 1
    numbered = _NUMBERED.fullmatch(name)
    return int(numbered["number"]) if numbered and numbered["stem"] == _cut(stem) else 0


def _cut(stem: str) -> str:
    return stem[:_LONGEST_STEM].rstrip()


def _names_like(stem: str) -> Iterator[str]:
    """The names of the sessions whose ids are made of this stem, numbered or not.

    Other sessions are told by their ids alone, and of these only the beginning is read: there may be thousands.
    """
    # Without a letter of ASCII the slug of the stem is another than that of its numbered names without the number.
    slugs = slug(stem), slug(f"{stem} (0)").removesuffix("0")
    pattern = re.compile(_ID.format(*map(re.escape, slugs)))
    try:
        folders = [folder for folder in paths.sessions_folder().iterdir() if pattern.fullmatch(folder.name)]
    except OSError:
        return  # there are none yet, or starting the run tells what is wrong with the folder
    yield from (name for folder in folders if (name := _read_name(folder)) is not None)


def _read_name(folder: Path) -> str | None:
    try:
        with (folder / SESSION_FILE).open("rb") as file:
            found = _NAME.search(file.read(_HEAD_BYTES).decode(errors="replace"))
        name = json.loads(found[1]) if found else None
    except (OSError, ValueError):
        return None  # not written yet, or damaged: it has no name to be mistaken for
    return name if isinstance(name, str) else None
