"""Presets in files: read, checked, saved, listed and found by name."""

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
    """A preset of this name is there already; saving over it has to be asked for."""


@dataclass(frozen=True)
class PresetEntry:
    """One file of a presets folder.

    Attributes:
        name: the file's stem, by which it can be asked for.
        preset: the run that it holds, None where it holds a study or cannot be read.
        problem: why it cannot be read, None where it can.
        study: the study that it holds, None where it holds a run or cannot be read.
    """

    path: Path
    name: str
    origin: Origin
    preset: RunPreset | None
    problem: str | None
    study: StudyPreset | None = None

    @property
    def holds(self) -> RunPreset | StudyPreset | None:
        """What it holds, None where it cannot be read."""
        return self.preset or self.study


def load_preset(path: Path) -> RunPreset:
    """The preset in a file; a session's ``session.json`` is one too. A preset without a name is called as its file.

    Raises:
        PresetError: the file cannot be read, or holds no run preset.
    """
    return parse_preset(_read(path), str(path))


def load_study(path: Path) -> StudyPreset:
    """The study in a file. One without a name is called as its file.

    Raises:
        PresetError: the file cannot be read, or holds no study.
    """
    return parse_study(_read(path), str(path))


def load_any(path: Path) -> RunPreset | StudyPreset:
    """What a preset file holds, of either kind.

    Raises:
        PresetError: the file cannot be read, or holds neither.
    """
    document = _read(path)
    kind = document.get("kind", "run")
    if kind not in ("run", "study"):
        detail = f"kind: {json.dumps(kind)[:60]} is not allowed: expected is 'run' or 'study'."
        raise PresetError(f"{path} is not a valid preset", detail, "'cnn-tui presets schema' tells every field.")
    return (parse_study if kind == "study" else parse_preset)(document, str(path))


def parse_preset(document: Mapping[str, Any], source: str) -> RunPreset:
    """The preset in a JSON object; ``source`` names it in messages.

    Raises:
        PresetError: the object is no run preset; its detail has one line for each problem.
    """
    check_version(document, source)
    if document.get("kind") == "study":
        detail = 'kind: "study" is not allowed here: "run" is expected.'
        raise PresetError(f"{source} holds a study, not a run", detail, "'cnn-tui study' runs studies.")
    if "status" in document:
        document = {key: value for key, value in document.items() if key in RunPreset.model_fields}
    try:
        return RunPreset.model_validate(dict(document))
    except ValidationError as error:
        raise invalid(source, error, "preset") from error


def parse_study(document: Mapping[str, Any], source: str) -> StudyPreset:
    """The study in a JSON object; ``source`` names it in messages.

    Raises:
        PresetError: the object is no study; its detail has one line for each problem.
    """
    check_version(document, source)
    if document.get("kind", "run") == "run":
        detail = 'kind: "run" is not allowed here: "study" is expected.'
        raise PresetError(f"{source} holds a run, not a study", detail, "'cnn-tui run' runs it.")
    try:
        return StudyPreset.model_validate(dict(document))
    except ValidationError as error:
        raise invalid(source, error, "study", StudyPreset) from error


def check_version(document: Mapping[str, Any], source: str) -> None:
    """Refuse a file that a later version of this program wrote.

    Raises:
        PresetError: its ``schema_version`` is above ours.
    """
    version = document.get("schema_version", SCHEMA_VERSION)
    if type(version) is int and version > SCHEMA_VERSION:
        detail = f"schema_version: {version} is not allowed: this version reads up to {SCHEMA_VERSION}."
        raise PresetError(f"{source} comes from a newer cnn-tui", detail, "Update cnn-tui to read it.")


def invalid(source: str, error: ValidationError, kind: str, model: type[BaseModel] = RunPreset) -> PresetError:
    """The problems of a failed validation of ``model``, one on each line: field, value, what is allowed."""
    schema = "presets schema study" if model is StudyPreset else "presets schema"
    hint = f"'cnn-tui {schema}' tells every field and what it allows."
    return PresetError(f"{source} is not a valid {kind}", error_text(error, model), hint)


def renamed_preset(preset: RunPreset, name: str) -> RunPreset:
    """The same preset under another name, and nothing but a preset where it was a session's record.

    Raises:
        PresetError: no preset can have this name.
    """
    fields = {field: getattr(preset, field) for field in RunPreset.model_fields}
    return parse_preset(fields | {"name": name}, f"A preset of the name {name!r}")


def renamed_study(study: StudyPreset, name: str) -> StudyPreset:
    """The same study under another name.

    Raises:
        PresetError: no study can have this name.
    """
    return parse_study({**dict(study), "name": name}, f"A study of the name {name!r}")


def save_preset(preset: RunPreset, folder: Path, name: str, *, overwrite: bool = False) -> Path:
    """Write a preset under a name, in a file that is called after it, and give the file's path.

    Raises:
        PresetExistsError: there is such a file, and ``overwrite`` is not set.
        PresetError: no preset can have this name.
        StorageError: the file cannot be written.
    """
    return _save(renamed_preset(preset, name), folder, overwrite)


def save_study(study: StudyPreset, folder: Path, name: str, *, overwrite: bool = False) -> Path:
    """Write a study as :func:`save_preset` writes a preset.

    Raises:
        PresetExistsError: there is such a file, and ``overwrite`` is not set.
        PresetError: no study can have this name.
        StorageError: the file cannot be written.
    """
    return _save(renamed_study(study, name), folder, overwrite)


def _save(preset: RunPreset | StudyPreset, folder: Path, overwrite: bool) -> Path:
    path = folder / f"{slug(preset.name)}.json"
    ensure_writable(folder, free_bytes=0)
    if path.exists() and not overwrite:
        raise PresetExistsError(f"A preset {path.stem!r} exists", f"It is in {path}.", "Choose another name.")
    write_atomic(path, preset.model_dump_json(indent=2) + "\n")
    return path


def list_presets() -> list[PresetEntry]:
    """This person's own presets, then those that come with the program; broken ones with the reason."""
    own = [_entry(path, "own") for path in _files(paths.user_presets_folder())]
    return own + [_entry(path, "shipped") for path in _files(paths.shipped_presets_folder())]


def find_preset(name_or_path: str) -> Path:
    """The file that a person means: a path, a session's folder, or a preset's file name or name, own ones first.

    Raises:
        PresetError: there is none; the hint has the names most like it.
    """
    path = Path(name_or_path).expanduser()
    for candidate in (path, path / SESSION_FILE):
        if _exists(candidate):
            return candidate
    if path.suffix == ".json" or any(mark and mark in name_or_path for mark in (os.sep, os.altsep)):
        detail = "There is no such file."
        raise PresetError(f"No preset at {name_or_path}", detail, "'cnn-tui presets' lists those that there are.")
    return _named(name_or_path)


def _named(name: str) -> Path:
    entries = list_presets()
    by_name = [entry for entry in entries if entry.holds and entry.holds.name == name]
    for entry in [entry for entry in entries if entry.name == name] + by_name:
        return entry.path
    likely = difflib.get_close_matches(name, [entry.name for entry in entries], n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(likely)}?" if likely else "'cnn-tui presets' lists those that there are."
    raise PresetError(f"No preset is called {name!r}", "It is neither a file nor a preset's name.", hint)


def _read(path: Path) -> dict[str, Any]:
    # A session's confusion matrix makes its file larger than anything that a person writes.
    limit = SESSION_BYTES if path.name == SESSION_FILE else PRESET_BYTES
    return {"name": path.stem[:200], **read_object(path, limit)}


def _exists(path: Path) -> bool:
    """Whether a path names something readable as a file; a name that no file can have does not."""
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):
        return False


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))


def _entry(path: Path, origin: Origin) -> PresetEntry:
    try:
        held = load_any(path)
    except PresetError as error:
        return PresetEntry(path, path.stem, origin, None, str(error))
    if isinstance(held, StudyPreset):
        return PresetEntry(path, path.stem, origin, None, None, held)
    return PresetEntry(path, path.stem, origin, held, None)
