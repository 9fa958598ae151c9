"""Names for new sessions, which no other session has."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from cnn_tui import paths
from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import StorageError
from cnn_tui.store.files import slug
from cnn_tui.store.job_queue import read_queue
from cnn_tui.store.presets import SESSION_FILE, renamed_preset

_LONGEST_STEM = 188  # leaves 12 of the 200 characters of a name for a number of nine digits
# In brackets, so that a number that belongs to the name, as in "resnet 18", is not continued.
_NUMBERED = re.compile(r"(?P<stem>.*\S) \((?P<number>[1-9][0-9]{0,8})\)", re.DOTALL)
_ID = r"[0-9]{{8}}T[0-9]{{6}}Z-({}(?P<number>[0-9]+)|{})(-[0-9]+)?"
_MOST_READ = 100
_LONGEST_IN_FULL = 50  # a slug that fits into an id together with a number of nine digits
_HEAD_BYTES = 4096  # a record begins with its name, which takes at most 2,400 bytes
_NAME = re.compile(r'"name":\s*("(?:[^"\\]|\\.)*")')


def with_unique_name(preset: RunPreset) -> RunPreset:
    """Name a preset like no session and no job of the queue: unchanged, or with the next number.

    "pets" is followed by "pets (2)" and "pets (3)", also when "pets (2)" is run again.
    """
    numbered = _NUMBERED.fullmatch(preset.name)
    stem = numbered["stem"] if numbered else preset.name
    taken = _names_like(stem) | _names_in_queue()
    if preset.name not in taken:
        return preset
    suffix = f" ({1 + max(_number(name, stem) for name in taken)})"
    return renamed_preset(preset, _cut(stem) + suffix)


def _number(name: str, stem: str) -> int:
    """The number of a name with this stem, 1 for the stem itself, 0 for other names."""
    if name == stem:
        return 1
    numbered = _NUMBERED.fullmatch(name)
    return int(numbered["number"]) if numbered and numbered["stem"] == _cut(stem) else 0


def _cut(stem: str) -> str:
    return stem[:_LONGEST_STEM].rstrip()


def _names_like(stem: str) -> set[str]:
    """The names of sessions whose ids contain the slug of this stem, with or without a number.

    There can be thousands, so only the newest records are read; older sessions are assumed to have the names that
    their ids were made from, unless long names are truncated there.
    """
    # The slug of a stem without ASCII letters differs from that of its numbered names without the number.
    slugs = slug(f"{stem} (0)").removesuffix("0"), slug(stem)
    pattern = re.compile(_ID.format(*map(re.escape, slugs)))
    root = paths.sessions_folder()
    try:
        with os.scandir(root) as entries:
            matches = [match for entry in entries if (match := pattern.fullmatch(entry.name))]
    except OSError:
        return set()  # there are none yet, or starting the run reports what is wrong
    matches.sort(key=lambda match: match[0], reverse=True)
    count = _MOST_READ if len(slugs[1]) <= _LONGEST_IN_FULL else len(matches)
    names = {_read_name(root / match[0]) for match in matches[:count]}
    assumed = {f"{_cut(stem)} ({match['number']})" if match["number"] else stem for match in matches[count:]}
    return {name for name in names if name is not None} | assumed


def _names_in_queue() -> set[str]:
    try:
        return {entry.name for entry in read_queue()}
    except StorageError:
        return set()


def _read_name(folder: Path) -> str | None:
    try:
        with (folder / SESSION_FILE).open("rb") as file:
            found = _NAME.search(file.read(_HEAD_BYTES).decode(errors="replace"))
        name = json.loads(found[1]) if found else None
    except (OSError, ValueError):
        return None  # not written yet, or damaged
    return name if isinstance(name, str) else None
