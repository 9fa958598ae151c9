"""Every kind of bad preset: exit code 2, and a message with the file, the field, the value and what is allowed."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNN_TUI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.chdir(tmp_path)


def setting(section: str, name: str, value: Any) -> bytes:
    return json.dumps({"experiment": {section: {name: value}}}).encode()


def study(**fields: Any) -> bytes:
    return json.dumps({"kind": "study", "factor": "training.epochs", "values": [1, 3], **fields}).encode()


def number(text: str) -> bytes:
    return b'{"experiment": {"training": {"epochs": ' + text.encode() + b"}}}"


BAD: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "empty": (b"", ("cannot be read as JSON", "Line 1, column 1")),
    "not JSON": (b'{\n  "name": nope\n}', ("cannot be read as JSON", "Line 2, column 11")),
    "trailing comma": (b'{"name": "x",}', ("Line 1",)),
    "not UTF-8": (b'{"name": "\xff"}', ("Byte 11 is not UTF-8",)),
    "UTF-16": ('{"name": "x"}'.encode("utf-16"), ("not UTF-8",)),
    "a list": (b"[]", ("a list", "an object")),
    "null": (b"null", ("null", "an object")),
    "a number": (b"3", ("a number", "an object")),
    "duplicate key": (b'{"name": "a", "name": "b"}', ("'name'", "twice")),
    "duplicate key deep down": (b'{"experiment": {"data": {"root": "a", "root": "b"}}}', ("'root'", "twice")),
    "NaN": (number("NaN"), ("training.epochs: NaN is not allowed", "whole number")),
    "Infinity": (number("-Infinity"), ("training.epochs: -Infinity is not allowed", "whole number")),
    "brackets": (b"[" * 10_000_000, ("too large", "2 MiB")),
    "fewer brackets": (b"[" * 1_000_000, ("nested too deeply",)),
    "objects in objects": (b'{"a":' * 300 + b"1" + b"}" * 300, ("nested too deeply",)),
    "a value in brackets": (b'{"name": ' + b"[" * 500 + b"]" * 500 + b"}", ("nested too deeply",)),
    "endless digits": (number("9" * 5_000), ("5,000 digits",)),
    "many digits": (number("1" + "0" * 20), ("training.epochs", "100000000000000000000", "at most 100,000")),
    "unknown field": (b'{"nam": "x"}', ("nam", "no such field", "did you mean 'name'")),
    "unknown setting": (setting("training", "epoch", 3), ("experiment.training.epoch", "did you mean 'epochs'")),
    "unknown without a likely one": (setting("model", "zzz", 3), ("experiment.model.zzz", "architecture, weights")),
    "text for a number": (number('"10"'), ("experiment.training.epochs", '"10"', "a whole number")),
    "truth for a number": (number("true"), ("experiment.training.epochs", "true", "a whole number")),
    "fraction": (number("1.5"), ("experiment.training.epochs", "1.5", "a whole number")),
    "null for a number": (number("null"), ("experiment.training.epochs", "null", "a whole number")),
    "text for an object": (b'{"experiment": "quickstart"}', ("experiment", '"quickstart"', "an object")),
    "text for a section": (b'{"experiment": {"data": "mnist"}}', ("experiment.data", '"mnist"', "an object")),
    "zero epochs": (number("0"), ("experiment.training.epochs", "0 is not allowed", "at least 1")),
    "negative": (setting("training", "seed", -1), ("experiment.training.seed", "-1", "at least 0")),
    "too large": (setting("data", "image_size", 4096), ("experiment.data.image_size", "4096", "at most 1,024")),
    "exclusive bound": (
        setting("training", "label_smoothing", 1),
        ("experiment.training.label_smoothing", "less than 1"),
    ),
    "overflowing float": (
        b'{"experiment": {"training": {"optimizer": {"learning_rate": 1e999}}}}',
        ("experiment.training.optimizer.learning_rate", "Infinity", "a finite number"),
    ),
    "zero learning rate": (
        setting("training", "optimizer", {"learning_rate": 0}),
        ("experiment.training.optimizer.learning_rate", "more than 0"),
    ),
    "unknown model": (
        setting("model", "architecture", "resnet81"),
        ("experiment.model.architecture", '"resnet81"', "did you mean resnet18"),
    ),
    "unknown dataset": (
        setting("data", "dataset", "cifar"),
        ("experiment.data.dataset", '"cifar"', "'folder'", "did you mean 'cifar10'"),
    ),
    "unknown device": (setting("training", "device", "gpu"), ("experiment.training.device", '"gpu"', "cuda:N or mps")),
    "folder without root": (setting("data", "dataset", "folder"), ("data.root",)),
    "images too small": (
        b'{"experiment": {"data": {"image_size": 32}, "model": {"architecture": "alexnet"}}}',
        ("data.image_size 32", "alexnet", "63"),
    ),
    "unknown kind": (b'{"kind": "studies"}', ('kind: "studies" is not allowed', "'run' or 'study'")),
    "future version": (b'{"schema_version": 2, "new": 1}', ("schema_version: 2", "newer cnn-tui", "Update")),
    "version zero": (b'{"schema_version": 0}', ("schema_version: 0", "at least 1")),
    "version true": (b'{"schema_version": true}', ("schema_version: true", "a whole number")),
    "empty name": (b'{"name": ""}', ("name", '""', "at least 1")),
    "long name": (json.dumps({"name": "n" * 300}).encode(), ("name", "nnn", "at most 200")),
    "half a character": (b'{"name": "\\ud800"}', ("name", "lone surrogates")),
    "study of nothing": (b'{"kind": "study"}', ("factor: this field is missing", "values: this field is missing")),
    "study with an experiment": (study(experiment={}), ("experiment: there is no such field", "base")),
    "study of an unknown setting": (
        study(factor="training.epoch"),
        ("training.epoch", "did you mean training.epochs?"),
    ),
    "study of the end of a path": (study(factor="learning_rate"), ("did you mean training.optimizer.learning_rate?",)),
    "study of a section": (study(factor="training"), ("no setting 'training'",)),
    "study of a number": (study(factor=3), ("factor: 3 is not allowed", "text")),
    "study without values": (study(values=[]), ("values is empty", "at least one value")),
    "study of one value twice": (study(values=[1, 3, 1]), ("values: 1 is listed more than once",)),
    "study of 1 and 1.0": (study(values=[1, 1.0]), ("values: 1 is listed more than once",)),
    "study of a refused value": (study(values=[3, 0]), ("training.epochs 0 cannot be", "at least 1")),
    "study of a value of another kind": (study(values=["ten"]), ('"ten" is not allowed', "a whole number")),
    "study of a truth": (study(values=[True]), ("values.0: true is not allowed", "a number, a text or null")),
    "study of a list": (study(values=[[1]]), ("values.0: [1] is not allowed", "a number, a text or null")),
    "study of no list": (study(values="1, 3"), ('values: "1, 3" is not allowed', "a list")),
    "study of NaN": (
        study(factor="training.optimizer.learning_rate", values=[float("nan")]),
        ("values.0: NaN is not allowed: a finite number",),
    ),
    "study of an unknown model": (
        study(factor="model.architecture", values=["resnet81"]),
        ("model.architecture resnet81 cannot be", "did you mean resnet18"),
    ),
    "study of a value that does not fit": (
        study(factor="model.architecture", values=["resnet18", "alexnet"], base={"data": {"image_size": 32}}),
        ("model.architecture alexnet cannot be", "data.image_size 32 is too small"),
    ),
    "study of what means nothing": (
        study(factor="model.batch_norm", values=["frozen", "adapt"], base={"model": {"trainable": "all"}}),
        ("factor: model.batch_norm has no effect", "none is frozen"),
    ),
    "study of folders without a folder": (study(factor="data.root", values=["a", "b"]), ("data.root", "'folder'")),
    "study of second values alone": (study(second_values=[1]), ("second_values and no second_factor",)),
    "study of a second factor alone": (study(second_factor="training.seed"), ("second_values is empty",)),
    "study of one factor twice": (
        study(second_factor="training.epochs", second_values=[5]),
        ("both factors are training.epochs",),
    ),
    "study of seeds of seeds": (
        study(factor="training.seed", repeats=2),
        ("repeats are seeds", "training.seed is varied already"),
    ),
    "study without runs": (study(repeats=0), ("repeats: 0 is not allowed", "at least 1")),
    "study without end": (study(values=list(range(1, 102)), repeats=100), ("10,100 rows are too many", "10,000")),
    "study with figures of nothing": (
        study(reported=[{"value": 7, "accuracy": 0.5}]),
        ("reported: 7 is not one of the study's values",),
    ),
    "study with per cent": (
        study(reported=[{"value": 1, "accuracy": 87}]),
        ("reported.0.accuracy: 87 is not allowed", "at most 1"),
    ),
    "study with an unknown figure": (
        study(reported=[{"value": 1, "acuracy": 0.87}]),
        ("reported.0.acuracy", "did you mean 'accuracy'?"),
    ),
    "study with a bad base": (
        study(base={"training": {"epochs": 0}}),
        ("base.training.epochs: 0 is not allowed", "at least 1"),
    ),
    "a broken session": (b'{"status": "done", "name": 3}', ("name: 3", "text is expected")),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_preset_is_rejected_with_a_reason(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content, expected = BAD[case]
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    begun = time.perf_counter()
    assert guarded(cli, ["presets", "check", str(path)]) == 2
    assert time.perf_counter() - begun < 5
    out, err = capsys.readouterr()
    assert out == ""
    for words in (str(path), *expected):
        assert words in err
    assert "Traceback" not in err
    assert len(err) < 1_500


def test_all_errors_are_reported_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{"experiment": {"training": {"epochs": 0, "batch_size": 0.5}, "data": {"augment": "flop"}}}')
    assert guarded(cli, ["presets", "check", str(path)]) == 2
    err = capsys.readouterr().err
    assert [line.split(":")[0] for line in err.splitlines()[1:4]] == [
        "  experiment.data.augment",
        "  experiment.training.epochs",
        "  experiment.training.batch_size",
    ]


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "CON", "n" * 300, "a/" + "b" * 300, "nul.json", "no such"])
def test_an_unknown_name_is_rejected(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(cli, ["presets", "check", name]) == 2
    err = capsys.readouterr().err
    assert name in err
    assert "No preset" in err


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "CON", "a\x00b", "~"])
def test_names_in_presets_are_not_paths(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.json"
    path.write_text(json.dumps({"name": name}))
    assert guarded(cli, ["presets", "check", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: ok\n"


def test_folders_and_endless_files_are_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "folder.json").mkdir()
    assert guarded(cli, ["presets", "check", "folder.json"]) == 2
    if Path("/dev/zero").exists():
        assert guarded(cli, ["presets", "check", "/dev/zero"]) == 2
        assert "/dev/zero is too large" in capsys.readouterr().err


def test_escape_sequences_in_a_preset_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "evil.json"
    path.write_text('{"na\\u001b]52;c;x\\u0007me": 1, "experiment": "\\u202e\\u009b31m"}')
    assert guarded(cli, ["presets", "check", str(path)]) == 2
    err = capsys.readouterr().err
    assert not any(character in err for character in "\x1b\x07\x9b\u202e")
    assert "na\ufffd]52;c;x\ufffdme" in err


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "bom.json"
    path.write_bytes(b"\xef\xbb\xbf{}")
    assert guarded(cli, ["presets", "check", str(path)]) == 0


def test_valid_files_are_reported_with_invalid_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good.json").write_text("{}")
    (tmp_path / "bad.json").write_text("[]")
    assert guarded(cli, ["presets", "check", "bad.json", "good.json", "quickstart"]) == 2
    out, err = capsys.readouterr()
    assert out == "good.json: ok\nquickstart: ok\n"
    assert "bad.json" in err
