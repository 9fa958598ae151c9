"""``cnn-tui presets``, and the error messages of the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cnn_tui.cli.main import COMMANDS, cli
from cnn_tui.cli.output import guarded, print_json
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.errors import DataError
from cnn_tui.store.presets import find_preset, load_preset, load_study, save_preset
from study_records import study

PROGRAM = [sys.executable, "-m", "cnn_tui"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CNN_TUI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    return tmp_path / "home"


Output = pytest.CaptureFixture[str]


def test_the_list_has_user_and_shipped_presets(home: Path, capsys: Output) -> None:
    save_preset(RunPreset(description="[/nope] \x1b[31m"), home / "presets", "mine")
    assert guarded(cli, ["presets"]) == 0
    out, err = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()]
    assert rows[0][:4] == ["name", "kind", "origin", "model"]
    assert rows[1][:6] == ["mine", "run", "own", "resnet18", "imagenet", "cifar10"]
    assert ["quickstart", "run", "shipped", "resnet18", "random", "digits", "5"] in [row[:7] for row in rows]
    assert ["report-table2", "study", "shipped", "vgg16", "imagenet", "cifar10", "9"] in [row[:7] for row in rows]
    assert "[/nope] \ufffd[31m" in out
    assert err == ""


def test_a_broken_preset_is_listed_as_such(home: Path, capsys: Output) -> None:
    (home / "presets").mkdir(parents=True)
    (home / "presets" / "bad.json").write_text("[")
    assert guarded(cli, ["presets", "list"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split() == ["bad", "own", "broken"]
    assert "bad.json is broken" in err


def test_the_list_as_json(home: Path, capsys: Output) -> None:
    (home / "presets").mkdir(parents=True)
    (home / "presets" / "bad.json").write_text("[")
    assert guarded(cli, ["presets", "--json"]) == 0
    entries = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert entries["bad"]["preset"] is None
    assert "JSON" in entries["bad"]["problem"]
    assert entries["quickstart"]["origin"] == "shipped"
    assert RunPreset.model_validate(entries["quickstart"]["preset"]) == load_preset(find_preset("quickstart"))
    assert entries["report-table2"]["kind"] == "study"
    assert StudyPreset.model_validate(entries["report-table2"]["preset"]) == load_study(find_preset("report-table2"))


def test_show_prints_settings_and_warnings(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "odd.json"
    path.write_text('{"experiment": {"model": {"weights": "random"}}}')
    assert guarded(cli, ["presets", "show", str(path)]) == 0
    out, err = capsys.readouterr()
    lines = {tuple(line.split()) for line in out.splitlines()}
    assert {("model.weights", "random"), ("training.epochs", "10"), ("data.root",)} <= lines
    assert "Random weights stay frozen" in err


def test_show_as_json_is_the_preset(capsys: Output) -> None:
    assert guarded(cli, ["presets", "show", "quickstart", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == load_preset(find_preset("quickstart")).model_dump(mode="json")


def test_show_prints_the_factors_of_a_study(capsys: Output) -> None:
    assert guarded(cli, ["presets", "show", "report-table3"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    rates = ["varied:", "0.1,", "0.01,", "0.001,", "0.0001,", "0.00001,", "0.000001"]
    assert ["training.optimizer.learning_rate", *rates] in lines
    assert ["training.epochs", "20"] in lines
    assert ["kind", "study"] in lines


def test_show_names_both_factors_of_a_grid(tmp_path: Path, capsys: Output) -> None:
    save_preset(study(second_factor="training.seed", second_values=[4, 5], repeats=1), tmp_path, "grid")
    assert guarded(cli, ["presets", "show", str(tmp_path / "grid.json")]) == 0
    out = capsys.readouterr().out
    assert "varied: 1, 3, 10" in out
    assert "varied: 4, 5" in out


def test_the_schema_of_a_study(capsys: Output) -> None:
    assert guarded(cli, ["presets", "schema", "study"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert set(schema["required"]) == {"factor", "values"}
    assert schema["$defs"]["ReportedRow"]["properties"]["accuracy"]["anyOf"][0]["maximum"] == 1


def test_the_schema_has_bounds_and_choices(capsys: Output) -> None:
    assert guarded(cli, ["presets", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    epochs = schema["$defs"]["TrainingConfig"]["properties"]["epochs"]
    assert (epochs["minimum"], epochs["maximum"], epochs["default"]) == (1, 100_000, 10)
    assert "resnet18" in schema["$defs"]["ModelConfig"]["properties"]["architecture"]["enum"]
    assert schema["additionalProperties"] is False


def test_json_on_stdout_is_ascii(capsys: Output) -> None:
    print_json({"name": "\x1b\x9b\u202eé"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"name": "\x1b\x9b\u202eé"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rnu"], "Did you mean 'run'?"),
        (["preset"], "Did you mean 'presets'?"),
        (["baseline-vgg61"], "or baseline-vgg16"),
        (["missing.json"], "No preset at missing.json"),
        (["presets", "lsit"], "lsit"),
        (["presets", "show"], "NAME"),
        (["presets", "schema", "runs"], "'runs' is not one of 'run', 'study'"),
        (["presets", "check"], "FILE"),
        (["--nonsense"], "--nonsense"),
        (["presets", "--nonsense"], "--nonsense"),
    ],
)
def test_invalid_arguments_exit_with_2_and_a_reason(arguments: list[str], words: str, capsys: Output) -> None:
    assert guarded(cli, arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err


def test_a_preset_alone_opens_the_workbench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    group = cli
    context = click.Context(group)
    monkeypatch.setattr(group, "get_command", lambda ctx, name: click.Command(name))
    assert isinstance(group, click.Group)
    name, _, rest = group.resolve_command(context, ["mine.json", "--flag"])
    assert (name, rest) == ("open", ["mine.json", "--flag"])
    name, _, rest = group.resolve_command(context, ["presets", "list"])
    assert (name, rest) == ("presets", ["list"])


def test_help_lists_every_command(capsys: Output) -> None:
    assert guarded(cli, ["-h"]) == 0
    out = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert f"  {name} " in out
        assert command.help.split(";")[0] in out


def test_the_version(capsys: Output) -> None:
    assert guarded(cli, ["--version"]) == 0
    assert capsys.readouterr().out.startswith("cnn-tui 0.")


def failing(error: BaseException) -> click.Command:
    def fail() -> None:
        raise error

    return click.Command("fail", callback=fail)


def test_an_expected_error_has_reason_and_hint(capsys: Output) -> None:
    error = DataError("No images", "first: /x\nsecond: \x1b[31m", "Put some there.")
    assert guarded(failing(error), []) == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: No images\n  first: /x\n  second: \ufffd[31m\n  Put some there.\n"


def test_an_interrupt_exits_with_130(capsys: Output) -> None:
    assert guarded(failing(KeyboardInterrupt()), []) == 130
    assert "Traceback" not in capsys.readouterr().err


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


BUG = "import click\nfrom cnn_tui.cli.output import *\n@click.command()\ndef fail(): {}\nguarded(fail, [])"


def test_a_bug_is_one_message_and_a_file(home: Path) -> None:
    ended = run(BUG.format("1 / 0"))
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("error: This is a bug in cnn-tui\n  ZeroDivisionError: division by zero\n")
    assert "Traceback" not in ended.stderr
    assert str(home / "data" / "crash.log") in ended.stderr
    assert "ZeroDivisionError" in (home / "data" / "crash.log").read_text()


def test_a_bug_is_reported_even_if_nothing_can_be_written(home: Path) -> None:
    home.write_text("")
    ended = run(BUG.format("1 / 0"))
    assert ended.returncode == 1
    assert "--debug" in ended.stderr


def test_debug_shows_where_an_error_came_from(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("[")
    shown = subprocess.run(
        [*PROGRAM, "--debug", "presets", "show", str(tmp_path / "bad.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 2
    assert "Traceback" in shown.stderr
    assert "cannot be read as JSON" in shown.stderr


def test_a_closed_pipe_is_silent() -> None:
    command = subprocess.Popen(
        [*PROGRAM, "presets", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        assert command.stderr.read() == ""


def test_a_limited_encoding_does_not_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    path = tmp_path / "日本.json"
    path.write_text("{}")
    ended = subprocess.run([*PROGRAM, "presets", "check", str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0
    assert "\\u65e5\\u672c.json: ok" in ended.stdout
