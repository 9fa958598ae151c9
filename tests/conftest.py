"""What every test starts from: a home of its own, and no more threads than its share of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before PyTorch is imported: several workers with a thread for each core would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Datasets, sessions, presets and caches in a folder of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("CNN_TUI_HOME", str(folder))
    return folder
