"""What every test starts from: a home of its own, and no more threads than its share of the machine."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Before PyTorch is imported: several workers with a thread for each core would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A background service that a test starts ends with its last client and job.
os.environ["CNN_TUI_IDLE_MINUTES"] = "0"
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
    if "textual.css.stylesheet" in sys.modules:
        _share_parsed_styles()


def _share_parsed_styles() -> None:
    """Parse each style sheet once for all tests instead of in every app: a fifth of the workbench's start."""
    from textual.css.stylesheet import Stylesheet

    parse = Stylesheet._parse_rules
    parsed: dict[tuple[object, ...], Any] = {}

    def parse_once(sheet: Stylesheet, css: str, *args: Any, **options: Any) -> Any:
        key = (css, args, tuple(options.items()), tuple(sheet._variables.items()))
        if key not in parsed:
            parsed[key] = parse(sheet, css, *args, **options)
        return parsed[key]

    setattr(Stylesheet, "_parse_rules", parse_once)  # noqa: B010 - mypy refuses a plain assignment


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Datasets, sessions, presets, caches and the background service in a folder of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("CNN_TUI_HOME", str(folder))
    yield folder
    if (folder / "data" / "service").exists():
        from services import end_service

        end_service()
