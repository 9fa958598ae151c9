"""``cnn-tui [PRESET]``: open the workbench in a terminal."""

from __future__ import annotations

import gc
import os
import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from cnn_tui.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from cnn_tui.config.preset import RunPreset
    from cnn_tui.trainer.protocol import Trainer


@click.command("open")
@click.argument("preset", required=False)
@click.option("--in-process", is_flag=True, help="Train inside this process instead of the background service.")
def open_workbench(preset: str | None, in_process: bool) -> None:
    """Open the workbench, with PRESET in its form if given."""
    show(preset, start=False, in_process=in_process)


def is_terminal() -> bool:
    """Whether standard input and output are a terminal, or connected to a browser by ``cnn-tui serve``."""
    return _is_served() or (sys.stdin.isatty() and sys.stdout.isatty())


def forget_fixed_size() -> None:
    """Remove the variables that would take precedence over the size of the terminal, even after a resize."""
    if _is_served():  # by them the browser's size is known
        return
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)


def _is_served() -> bool:
    """Whether Textual uses another driver than that of a terminal."""
    return "TEXTUAL_DRIVER" in os.environ


def show(name: str | None, start: bool, in_process: bool = False) -> None:
    """Run the workbench until the user quits, with the preset of this name or path in its form.

    Raises:
        PresetError: there is no such preset, or it is broken.
        ConfigError: standard input or output is not a terminal.
    """
    preset, path = (None, None) if name is None else _load(name)
    if not is_terminal():
        raise ConfigError(
            "The workbench needs a terminal",
            "Standard input or output is not one.",
            "Without a terminal use 'cnn-tui run PRESET' or 'cnn-tui demo'.",
        )
    forget_fixed_size()
    # Almost everything created until the first screen is permanent, and garbage collection takes a tenth of that time.
    # The workbench enables it again.
    gc.disable()
    from cnn_tui.tui.app import Workbench

    Workbench(partial(_trainer, in_process), preset, start, path).run()


def _load(name: str) -> tuple[RunPreset, Path]:
    """The preset of this name or path, and its path; without one nothing of this is imported before the first paint."""
    from cnn_tui.cli.settings import prepare
    from cnn_tui.store.presets import find_preset

    path = find_preset(name)
    return prepare(str(path), (), None), path


def _trainer(in_process: bool) -> Trainer:
    if in_process:
        from cnn_tui.trainer.thread import ThreadTrainer

        return ThreadTrainer()
    from cnn_tui.service.endpoint import AVAILABLE

    if not AVAILABLE:
        from cnn_tui.trainer.process import ProcessTrainer

        return ProcessTrainer()
    from cnn_tui.service.trainer import ServiceTrainer

    return ServiceTrainer()
