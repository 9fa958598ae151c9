"""What Setup does with preset files: which there are, opening one by its path, saving under a name."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from cnn_tui import paths
from cnn_tui.config.preset import RunPreset
from cnn_tui.errors import CnnTuiError, PresetError
from cnn_tui.store.files import slug
from cnn_tui.store.presets import (
    SESSION_FILE,
    PresetEntry,
    find_preset,
    list_presets,
    load_preset,
    renamed_preset,
    save_preset,
)


def quickstart_file() -> Path:
    """The preset for the first minute."""
    return paths.shipped_presets_folder() / "quickstart.json"


def quickstart() -> RunPreset:
    """What that file holds; the defaults where it is gone."""
    try:
        return load_preset(quickstart_file())
    except PresetError:
        return RunPreset()


def is_own(path: Path) -> bool:
    """Whether a file lies in this user's own presets folder."""
    return path.parent.resolve() == paths.user_presets_folder().resolve()


def is_gone(path: Path, listed: Collection[Path]) -> bool:
    """Whether a preset of one's own is not among the files that are there."""
    return is_own(path) and path.resolve() not in {file.resolve() for file in listed}


def source_of(path: Path) -> str:
    """Where a preset comes from, in words: its kind where Setup lists it, else its file."""
    if is_own(path):
        return "your preset"
    return "shipped preset" if path.parent.resolve() == paths.shipped_presets_folder().resolve() else str(path)


def entries() -> tuple[PresetEntry, ...]:
    """All presets of runs, the quickstart before the other shipped ones."""
    first, runs = quickstart_file(), [entry for entry in list_presets() if entry.study is None]
    return tuple(sorted(runs, key=lambda entry: (entry.origin != "own", entry.path != first)))


def read(text: str) -> tuple[RunPreset, Path]:
    """The preset that a person means by a path, a session's folder or a preset's name.

    Raises:
        PresetError: there is none, or it is broken.
    """
    path = find_preset(text.strip())
    preset = load_preset(path)
    # A session is opened as what was run, without what became of it.
    return (renamed_preset(preset, preset.name) if path.name == SESSION_FILE else preset), path


def refuse_to_open(text: str) -> str:
    """Why a text cannot be opened, empty if it can."""
    if not text.strip():
        return "Type the path of a .json file, of a session's folder, or a preset's name."
    try:
        read(text)
    except PresetError as error:
        return " ".join(str(error).split("\n"))
    return ""


def refuse_as_name(text: str) -> str:
    """Why a preset cannot have a name, empty if it can."""
    try:
        renamed_preset(RunPreset(), text.strip())
    except PresetError as error:
        return error.detail or error.title
    return ""


def own_file(name: str) -> Path:
    """Where a preset of this name is saved."""
    return paths.user_presets_folder() / f"{slug(name)}.json"


def save(preset: RunPreset, name: str) -> Path | CnnTuiError:
    """Write one's own preset, over the one that is there; gives its path, or what went wrong."""
    try:
        return save_preset(preset, paths.user_presets_folder(), name, overwrite=True)
    except CnnTuiError as error:
        return error
