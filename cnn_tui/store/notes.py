"""The user's note and tags for a session, in a file of their own.

The record belongs to the run, which may be in progress and would overwrite changes to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from cnn_tui.config.experiment import FrozenModel
from cnn_tui.config.validation_errors import error_text
from cnn_tui.errors import ConfigError, PresetError, StorageError
from cnn_tui.store.files import write_atomic
from cnn_tui.store.presets import check_version
from cnn_tui.store.strict_json import read_object

NOTE_FILE = "note.json"
LONGEST_NOTE, LONGEST_TAG, MOST_TAGS = 500, 40, 20
_FILE_BYTES = 64 * 1024


def _line(text: str) -> str:
    if len(text.splitlines()) > 1 or text.endswith(("\n", "\r")):
        raise PydanticCustomError("one_line", "a note is one line")
    return text


def _tag(text: str) -> str:
    if any(char.isspace() or char in "#," for char in text):
        raise PydanticCustomError("tag", "a tag is one word without # and commas")
    return text


Tag = Annotated[str, Field(min_length=1, max_length=LONGEST_TAG), AfterValidator(_tag)]


class SessionNote(FrozenModel):
    """A note of one line, and tags without duplicates, ignoring case."""

    schema_version: int = Field(1, ge=1)
    note: Annotated[str, Field(max_length=LONGEST_NOTE), AfterValidator(_line)] = ""
    tags: Annotated[tuple[Tag, ...], Field(max_length=MOST_TAGS, strict=False)] = ()

    @model_validator(mode="after")
    def _unique_tags(self) -> Self:
        if len({tag.casefold() for tag in self.tags}) < len(self.tags):
            raise PydanticCustomError("duplicate_tag", "a tag is listed more than once")
        return self

    @property
    def tag_line(self) -> str:
        """The tags in one line, such as "#baseline #slow"."""
        return " ".join(f"#{tag}" for tag in self.tags)

    @property
    def line(self) -> str:
        """Tags and note in one line, empty if there are none."""
        return "  ".join(part for part in (self.tag_line, self.note) if part)


NO_NOTE = SessionNote()


def make_note(note: str, tags: Iterable[str]) -> SessionNote:
    """Create a note from user input: tags with or without "#"; of tags that differ only in case, the first is kept.

    Raises:
        ConfigError: the note or a tag is not allowed.
    """
    unique: dict[str, str] = {}
    for tag in (tag.removeprefix("#") for tag in tags):
        unique.setdefault(tag.casefold(), tag)
    try:
        return SessionNote(note=note.strip(), tags=tuple(unique.values()))
    except ValidationError as error:
        raise ConfigError("This note is not allowed", error_text(error, SessionNote)) from error


def changed_tags(tags: Iterable[str], added: Iterable[str], removed: Iterable[str]) -> tuple[str, ...]:
    """Add and remove tags, ignoring case."""
    excluded = {tag.removeprefix("#").casefold() for tag in removed}
    return tuple(tag for tag in (*tags, *added) if tag.removeprefix("#").casefold() not in excluded)


def read_note(folder: Path) -> SessionNote:
    """Read the note of a session, empty if there is none.

    Raises:
        StorageError: its file is damaged.
    """
    path = folder / NOTE_FILE
    if not os.path.exists(path):  # noqa: PTH110 - a third of the time of Path.exists, for thousands of sessions
        return NO_NOTE
    try:
        document = read_object(path, _FILE_BYTES)
        check_version(document, str(path))
        return SessionNote.model_validate(document)
    except ValidationError as error:
        raise StorageError(f"{path} is not a note", error_text(error, SessionNote), _REMEDY) from error
    except PresetError as error:
        raise StorageError(error.title, error.detail, _REMEDY) from error


def write_note(folder: Path, note: SessionNote) -> None:
    """Replace the note of a session, which may be running.

    Raises:
        StorageError: the file cannot be written.
    """
    write_atomic(folder / NOTE_FILE, note.model_dump_json(indent=2) + "\n")


_REMEDY = "Write a new note to replace the file."
