"""The folders of the program. ``CNN_TUI_HOME`` puts all of them into one folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

_APP = "cnn-tui"


def _home() -> Path | None:
    home = os.environ.get("CNN_TUI_HOME")
    return Path(home).expanduser().absolute() if home else None


def data_folder() -> Path:
    """Downloads, and by default sessions."""
    home = _home()
    return home / "data" if home else platformdirs.user_data_path(_APP)


def datasets_folder() -> Path:
    """Downloaded datasets, one folder each."""
    return data_folder() / "datasets"


def weights_folder() -> Path:
    """Downloaded pretrained weights."""
    return data_folder() / "weights"


def sessions_folder() -> Path:
    """Sessions, one folder each."""
    home = _home()
    return home / "sessions" if home else platformdirs.user_data_path(_APP) / "sessions"


def user_presets_folder() -> Path:
    """The user's own presets."""
    home = _home()
    return home / "presets" if home else platformdirs.user_config_path(_APP) / "presets"


def cache_folder() -> Path:
    """Data that can be recomputed: decoded images and features."""
    home = _home()
    return home / "cache" if home else platformdirs.user_cache_path(_APP)


def shipped_presets_folder() -> Path:
    """The presets shipped with the program: next to the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parent
    inside = package / "presets"
    return inside if inside.is_dir() else package.parent / "presets"
