"""``cnn-tui datasets``: the table, its JSON, and that it stays light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cnn_tui import paths
from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def keep_excepthook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


def table(capsys: Output) -> dict[str, str]:
    assert guarded(cli, ["datasets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line.split()[0]: line for line in lines[1:]}


def test_every_dataset_is_a_row_with_the_size_of_its_download(capsys: Output) -> None:
    rows = table(capsys)
    assert list(rows) == list(DATASETS)
    assert rows["cifar10"].split()[1:6] == ["50,000", "10,000", "10", "32x32", "colour"]
    assert "download 170.1 MB" in rows["cifar10"]
    assert "download 2.6 GB" in rows["stl10"]
    assert "built in" in rows["digits"]
    assert "8x8 grey" in rows["digits"]
    assert "data.root" in rows["folder"]


def test_downloaded_data_is_listed_with_its_folder(capsys: Output) -> None:
    folder = paths.datasets_folder() / "mnist"
    folder.mkdir(parents=True)
    for file in DATASETS["mnist"].files:
        (folder / file.name).write_bytes(bytes(1_000_000))
    (folder / "something.part").write_bytes(bytes(5_000_000))
    assert f"4.0 MB in {folder}" in table(capsys)["mnist"]


def test_an_unpacked_archive_counts_and_half_of_one_does_not(capsys: Output) -> None:
    folder = paths.datasets_folder() / "cifar100"
    folder.mkdir(parents=True)
    (folder / "train.bin").write_bytes(b"x")
    (folder / "test.bin").write_bytes(b"x")
    assert "download 168.5 MB" in table(capsys)["cifar100"]
    (folder / "fine_label_names.txt").write_bytes(b"x")
    assert str(folder) in table(capsys)["cifar100"]


def test_json_has_the_facts_in_bytes(capsys: Output, home: Path) -> None:
    folder = paths.datasets_folder() / "svhn"
    folder.mkdir(parents=True)
    (folder / "test_32x32.mat").write_bytes(b"abc")
    assert guarded(cli, ["datasets", "--json"]) == 0
    documents = {document["name"]: document for document in json.loads(capsys.readouterr().out)}
    assert list(documents) == list(DATASETS)
    assert documents["svhn"] == {
        "name": "svhn",
        "title": "SVHN",
        "description": "house numbers from street view images",
        "train": 73_257,
        "test": 26_032,
        "classes": 10,
        "image_size": 32,
        "channels": 3,
        "path": str(folder),
        "bytes_here": 3,
        "bytes_to_download": 182_040_794,
    }
    assert str(folder).startswith(str(home))
    assert documents["folder"]["classes"] is None
    assert documents["digits"]["path"] is None
    assert documents["digits"]["bytes_to_download"] == 0


def test_it_loads_nothing_heavy() -> None:
    code = (
        "import sys; from cnn_tui.cli.datasets import datasets; datasets(['--json'], standalone_mode=False); "
        "print([name for name in ('torch', 'torchvision', 'numpy', 'PIL', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
