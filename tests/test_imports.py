"""Imports: the layers, and that nothing imports large packages which it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = ("torch", "torchvision", "sklearn", "scipy", "textual")
FOR_EXPORT = ("matplotlib", "jinja2")
LOW = (
    "formatting",
    "errors",
    "imports",
    "paths",
    "metrics",
    "events",
    "history",
    "catalog",
    "config",
    "store",
    "reports",
)


def loaded_by(script: str) -> set[str]:
    """The top-level packages that a fresh interpreter has imported after a script."""
    report = "\nimport sys\nprint('\\0' + ' '.join({name.partition('.')[0] for name in sys.modules}))"
    ended = subprocess.run([sys.executable, "-c", script + report], capture_output=True, text=True, check=True)
    return set(ended.stdout.partition("\0")[2].split())


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_imports_nothing_heavy(flag: str) -> None:
    script = f"from cnn_tui.cli.main import cli\nfrom cnn_tui.cli.output import guarded\nguarded(cli, ['{flag}'])"
    assert loaded_by(script).isdisjoint({*HEAVY, *FOR_EXPORT, "pydantic", "numpy", "rich"})


def test_the_workbench_imports_no_pydantic_before_its_first_paint() -> None:
    script = (
        "import cnn_tui.cli.workbench as command; from cnn_tui.tui.app import Workbench; "
        "command.is_terminal = lambda: True; Workbench.run = lambda app: None; command.show(None, start=False)"
    )
    assert loaded_by(script).isdisjoint({"torch", "pydantic", "numpy", "PIL"})


def test_listing_presets_imports_neither_torch_nor_textual() -> None:
    script = "from cnn_tui.cli.main import cli\nfrom cnn_tui.cli.output import guarded\nguarded(cli, ['presets'])"
    assert loaded_by(script).isdisjoint(HEAVY)


def test_watching_and_replaying_import_no_torch() -> None:
    script = (
        "import cnn_tui.cli.watch; from cnn_tui.tui.viewer import ReplayViewer, Viewer; "
        "import cnn_tui.tui.palette, cnn_tui.tui.screens.images, cnn_tui.cli.reporters"
    )
    assert loaded_by(script).isdisjoint({"torch", "torchvision", "sklearn", "scipy"})


def test_the_lower_layers_import_neither_torch_nor_textual() -> None:
    files = [path for name in LOW for path in (ROOT / "cnn_tui").glob(f"{name}/[!_]*.py")]
    files += [ROOT / "cnn_tui" / f"{name}.py" for name in LOW if (ROOT / "cnn_tui" / f"{name}.py").exists()]
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    assert {"cnn_tui.errors", "cnn_tui.config.experiment", "cnn_tui.store.sessions"} <= set(modules)
    loaded = loaded_by("\n".join(f"import {module}" for module in modules))
    assert "pydantic" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_engine_is_loaded_without_the_compiler_of_pytorch() -> None:
    loaded = loaded_by("from cnn_tui.imports import importing_engine\nwith importing_engine(): import cnn_tui.jobs")
    assert {"torch", "torchvision"} <= loaded
    assert loaded.isdisjoint({"sympy", "triton"})


def test_only_an_export_loads_what_draws_reports() -> None:
    script = "import cnn_tui.cli.export, cnn_tui.cli.destination, cnn_tui.tui.app, cnn_tui.tui.modes"
    screens = sorted((ROOT / "cnn_tui" / "tui" / "screens").glob("[!_]*.py"))
    imports = "\n".join(f"import cnn_tui.tui.screens.{path.stem}" for path in screens)
    assert loaded_by(f"{script}\n{imports}").isdisjoint(FOR_EXPORT)


def test_package_init_files_are_empty() -> None:
    assert [path for path in (ROOT / "cnn_tui").rglob("__init__.py") if path.read_text().strip()] == []


def test_dependencies_point_downward() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    if not program.exists():
        pytest.skip("import-linter is not installed")
    ended = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
