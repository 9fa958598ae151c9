"""``cnn-tui doctor``: checks of this machine, with a remedy for each problem."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

import click

from cnn_tui import paths
from cnn_tui.formatting import pluralize, progress_text, quantity

_MIN_DISK = _MIN_MEMORY = 2e9

State = Literal["ok", "note", "problem"]
_SIGNS: dict[State, tuple[str, str]] = {"ok": ("✓", "green"), "note": ("·", "yellow"), "problem": ("✗", "red")}


@dataclass(frozen=True)
class Finding:
    """The result of one check; a problem has a remedy."""

    state: State
    subject: str
    found: str
    remedy: str = ""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Check Python, PyTorch, the device, memory, disk space and downloads."""
    findings = list(examine())
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    ctx.exit(1 if any(finding.state == "problem" for finding in findings) else 0)


def examine() -> Iterator[Finding]:
    """Check everything that a run depends on."""
    yield Finding("ok", "Python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield from _torch()
    yield from _memory()
    yield from _folders()
    yield from _downloads()


def _torch() -> Iterator[Finding]:
    try:
        import torch
        import torchvision  # fails if built for another version of torch

        from cnn_tui.engine.device import bfloat16_is_fast, device_name, free_memory
    except (ImportError, RuntimeError, OSError) as error:
        yield Finding(
            "problem",
            "PyTorch",
            f"cannot be loaded: {error}",
            "Install torch and torchvision from the same index: pip install --force-reinstall torch torchvision",
        )
        return
    yield Finding("ok", "PyTorch", f"{torch.__version__}, torchvision {torchvision.__version__}")
    if torch.cuda.is_available():
        device = torch.device("cuda")
        name = device_name(device)
        yield Finding("ok", "Device", f"cuda: {name}, {quantity(free_memory(device), 'bytes')} free")
    elif torch.backends.mps.is_available():
        device = torch.device("mps")
        yield Finding("ok", "Device", "mps: Apple GPU")
    else:
        device = torch.device("cpu")
        yield Finding(
            "note",
            "Device",
            f"cpu: {device_name(device)}, {pluralize(torch.get_num_threads(), 'thread')}; PyTorch sees no GPU",
            "With an NVIDIA GPU, check that 'nvidia-smi' works and that PyTorch is built for CUDA.",
        )
    fast = bfloat16_is_fast(device)
    yield Finding(
        "ok", "bfloat16", "fast here, selected automatically" if fast else "not fast here; float32 is selected"
    )


def _memory() -> Iterator[Finding]:
    import psutil

    memory = psutil.virtual_memory()
    found = f"{progress_text(memory.available, memory.total, 'bytes')} free"
    if memory.available < _MIN_MEMORY:
        yield Finding("problem", "Memory", found, "Close other programs, or use smaller images and batches.")
    else:
        yield Finding("ok", "Memory", found)


def _folders() -> Iterator[Finding]:
    from cnn_tui.errors import StorageError
    from cnn_tui.store.files import ensure_writable

    for subject, folder in (
        ("Sessions", paths.sessions_folder()),
        ("Data", paths.data_folder()),
        ("Cache", paths.cache_folder()),
    ):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            ensure_writable(folder)
        except (OSError, StorageError) as error:
            yield Finding("problem", subject, f"{folder}: {error}", "Set CNN_TUI_HOME to a writable folder.")
            continue
        free = shutil.disk_usage(folder).free
        found = f"{folder}, {quantity(free, 'bytes')} free"
        if free < _MIN_DISK:
            yield Finding(
                "problem", subject, found, "Free some space, or set CNN_TUI_HOME to a folder on another disk."
            )
        else:
            yield Finding("ok", subject, found)


def _downloads() -> Iterator[Finding]:
    for subject, folder, more in (
        ("Datasets", paths.datasets_folder(), "see 'cnn-tui datasets'"),
        ("Weights", paths.weights_folder(), "downloaded when a run needs them"),
    ):
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        found = ", ".join(name for name in names if not name.startswith("."))
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        yield Finding("ok", subject, f"{found} ({quantity(size, 'bytes')})" if found else f"none downloaded, {more}")


def _print(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.text import Text

    from cnn_tui.formatting import printable

    console = Console(markup=False, highlight=False, soft_wrap=True)
    for finding in findings:
        sign, colour = _SIGNS[finding.state]
        line = Text(f"{sign} ", style=colour)
        line.append(f"{finding.subject:<9} ", style="bold")
        line.append(printable(finding.found), style="not bold default")
        console.print(line)
        if finding.remedy:
            console.print(Text(f"            {finding.remedy}", style="dim"))
