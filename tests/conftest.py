"""What every test starts from: a home of its own, and no more threads than its share of the machine."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

# Before PyTorch is imported: several workers with a thread for each core would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The imports of all test modules make a million objects that stay: the collector is let loose behind them.
gc.disable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fast",
        action="store_true",
        help="Skip every test that imports PyTorch, starts a process or drives the workbench, by refusing these.",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--fast"):
        from fast_tests import Refusals

        config.pluginmanager.register(Refusals(), "fast-tests")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Datasets, sessions, presets and caches in a folder of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("CNN_TUI_HOME", str(folder))
    return folder
