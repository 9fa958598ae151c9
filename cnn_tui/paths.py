"""The folders of the program. ``CNN_TUI_HOME`` puts all of them into one folder."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import platformdirs

HOME_VARIABLE = "CNN_TUI_HOME"
_APP = "cnn-tui"


def data_folder() -> Path:
    """Downloads, and by default sessions."""
    return _in_home("data") or platformdirs.user_data_path(_APP)


def datasets_folder() -> Path:
    """Downloaded datasets, one folder each."""
    return data_folder() / "datasets"


def weights_folder() -> Path:
    """Downloaded pretrained weights."""
    return data_folder() / "weights"


def sessions_folder() -> Path:
    """Sessions, one folder each."""
    return _in_home("sessions") or platformdirs.user_data_path(_APP) / "sessions"


def service_folder() -> Path:
    """The queue, locks and log of the background service of this machine; several may share the data folder."""
    return data_folder() / "service" / (re.sub(r"[^A-Za-z0-9.-]", "-", platform.node()) or "localhost")


def user_presets_folder() -> Path:
    """The user's own presets."""
    return _in_home("presets") or platformdirs.user_config_path(_APP) / "presets"


def cache_folder() -> Path:
    """Data that can be recomputed: decoded images and features."""
    return _in_home("cache") or platformdirs.user_cache_path(_APP)


def shipped_presets_folder() -> Path:
    """The presets shipped with the program: next to the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parent
    inside = package / "presets"
    return inside if inside.is_dir() else package.parent / "presets"


def _in_home(name: str) -> Path | None:
    home = os.environ.get(HOME_VARIABLE)
    return Path(home).expanduser().absolute() / name if home else None
