"""Preset files: reading, validating, saving, listing and finding them."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from cnn_tui import paths
from cnn_tui.config.preset import SCHEMA_VERSION, RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.config.validation_errors import error_text
from cnn_tui.errors import PresetError
from cnn_tui.store.files import ensure_writable, slug, write_atomic
from cnn_tui.store.strict_json import PRESET_BYTES, read_object

SESSION_FILE = "session.json"
SESSION_BYTES = 64 * 1024**2
Origin = Literal["own", "shipped"]


class PresetExistsError(PresetError):
    """A preset with this name exists and would be overwritten."""


@dataclass(frozen=True)
class PresetEntry:
    """One file of a presets folder.

    Attributes:
        name: the file name without ".json", which commands accept as the preset's name.
        preset: None if the file is a study or cannot be read.
        problem: why the file cannot be read, None if it can.
        study: None if the file is a run or cannot be read.
    """

    path: Path
    name: str
    origin: Origin
    preset: RunPreset | None
    problem: str | None
    study: StudyPreset | None = None

    @property
    def content(self) -> RunPreset | StudyPreset | None:
        """The preset or study, None if the file cannot be read."""
        return self.preset or self.study


def load_preset(path: Path) -> RunPreset:
    """Load the run preset in a file, which can be a ``session.json``. The default name is that of the file.

    Raises:
        PresetError: the file cannot be read, or is not a run preset.
    """
    return parse_preset(_read(path), str(path))


def load_study(path: Path) -> StudyPreset:
    """Load the study in a file. The default name is that of the file.

    Raises:
        PresetError: the file cannot be read, or is not a study.
    """
    return parse_study(_read(path), str(path))


def load_any(path: Path) -> RunPreset | StudyPreset:
    """Load a preset file of either kind.

    Raises:
        PresetError: the file cannot be read, or is neither.
    """
    document = _read(path)
    kind = document.get("kind", "run")
    if kind not in ("run", "study"):
        detail = f"kind: {json.dumps(kind)[:60]} is not allowed: expected is 'run' or 'study'."
        raise PresetError(f"{path} is not a valid preset", detail, "'cnn-tui presets schema' prints every field.")
    return (parse_study if kind == "study" else parse_preset)(document, str(path))


def parse_preset(document: Mapping[str, Any], source: str) -> RunPreset:
    """Validate a run preset; ``source`` names it in messages.

    Raises:
        PresetError: it is invalid; the detail has one line for each error.
    """
    check_version(document, source)
    if document.get("kind") == "study":
        detail = 'kind: "study" is not allowed here: "run" is expected.'
        raise PresetError(f"{source} is a study, not a run", detail, "'cnn-tui study' runs studies.")
    if "status" in document:
        document = {key: value for key, value in document.items() if key in RunPreset.model_fields}
    try:
        return RunPreset.model_validate(dict(document))
    except ValidationError as error:
        raise invalid(source, error, "preset") from error


def parse_study(document: Mapping[str, Any], source: str) -> StudyPreset:
    """Validate a study; ``source`` names it in messages.

    Raises:
        PresetError: it is invalid; the detail has one line for each error.
    """
    check_version(document, source)
    if document.get("kind", "run") == "run":
        detail = 'kind: "run" is not allowed here: "study" is expected.'
        raise PresetError(f"{source} is a run, not a study", detail, "'cnn-tui run' runs it.")
    try:
        return StudyPreset.model_validate(dict(document))
    except ValidationError as error:
        raise invalid(source, error, "study", StudyPreset) from error


def check_version(document: Mapping[str, Any], source: str) -> None:
    """Reject a file written by a later version of this program.

    Raises:
        PresetError: its ``schema_version`` is too high.
    """
    version = document.get("schema_version", SCHEMA_VERSION)
    if type(version) is int and version > SCHEMA_VERSION:
        detail = f"schema_version: {version} is not allowed: this version reads up to {SCHEMA_VERSION}."
        raise PresetError(f"{source} was written by a newer cnn-tui", detail, "Update cnn-tui to read it.")


def invalid(source: str, error: ValidationError, kind: str, model: type[BaseModel] = RunPreset) -> PresetError:
    """Make the error of a failed validation of ``model``, with one line for each field."""
    schema = "presets schema study" if model is StudyPreset else "presets schema"
    hint = f"'cnn-tui {schema}' prints every field and its allowed values."
    return PresetError(f"{source} is not a valid {kind}", error_text(error, model), hint)


def renamed_preset(preset: RunPreset, name: str) -> RunPreset:
    """Rename a preset; a session's record becomes a preset.

    Raises:
        PresetError: the name is not allowed.
    """
    fields = {field: getattr(preset, field) for field in RunPreset.model_fields}
    return parse_preset(fields | {"name": name}, f"A preset with the name {name!r}")


def renamed_study(study: StudyPreset, name: str) -> StudyPreset:
    """Rename a study.

    Raises:
        PresetError: the name is not allowed.
    """
    return parse_study({**dict(study), "name": name}, f"A study with the name {name!r}")


def save_preset(preset: RunPreset | StudyPreset, folder: Path, name: str, *, overwrite: bool = False) -> Path:
    """Save a preset or study with a new name, in a file named after it, and return the file's path.

    Raises:
        PresetExistsError: the file exists, and ``overwrite`` is not set.
        PresetError: the name is not allowed.
        StorageError: the file cannot be written.
    """
    named = renamed_study(preset, name) if isinstance(preset, StudyPreset) else renamed_preset(preset, name)
    path = folder / f"{slug(name)}.json"
    ensure_writable(folder, free_bytes=0)
    if path.exists() and not overwrite:
        message = f"A preset {path.stem!r} already exists"
        raise PresetExistsError(message, f"Its file is {path}.", "Choose another name.")
    write_atomic(path, named.model_dump_json(indent=2) + "\n")
    return path


def list_presets() -> list[PresetEntry]:
    """The user's presets, then those shipped with the program, with the reason for each broken one."""
    own = [_entry(path, "own") for path in _files(paths.user_presets_folder())]
    return own + [_entry(path, "shipped") for path in _files(paths.shipped_presets_folder())]


def find_preset(name_or_path: str) -> Path:
    """Find a preset file, given its path, a session's folder, or the name of the file or preset, the user's first.

    Raises:
        PresetError: there is none; the hint has similar names.
    """
    path = Path(name_or_path).expanduser()
    for candidate in (path, path / SESSION_FILE):
        if _exists(candidate):
            return candidate
    if path.suffix == ".json" or any(mark and mark in name_or_path for mark in (os.sep, os.altsep)):
        detail = "There is no such file."
        raise PresetError(f"No preset at {name_or_path}", detail, "'cnn-tui presets' lists all presets.")
    return _named(name_or_path)


def _named(name: str) -> Path:
    entries = list_presets()
    by_name = [entry for entry in entries if entry.content and entry.content.name == name]
    for entry in [entry for entry in entries if entry.name == name] + by_name:
        return entry.path
    likely = difflib.get_close_matches(name, [entry.name for entry in entries], n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(likely)}?" if likely else "'cnn-tui presets' lists all presets."
    raise PresetError(f"No preset is called {name!r}", "It is neither a file nor the name of a preset.", hint)


def _read(path: Path) -> dict[str, Any]:
    # The confusion matrix can make a session's file large.
    limit = SESSION_BYTES if path.name == SESSION_FILE else PRESET_BYTES
    return {"name": path.stem[:200], **read_object(path, limit)}


def _exists(path: Path) -> bool:
    """Whether a path is a file or device; false for invalid file names."""
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):
        return False


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))


def _entry(path: Path, origin: Origin) -> PresetEntry:
    try:
        content = load_any(path)
    except PresetError as error:
        return PresetEntry(path, path.stem, origin, None, str(error))
    if isinstance(content, StudyPreset):
        return PresetEntry(path, path.stem, origin, None, None, content)
    return PresetEntry(path, path.stem, origin, content, None)
