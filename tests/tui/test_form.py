"""The form of an experiment: what it holds, what it refuses, what it says, and how one moves in it."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input

from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import experiment_fields, field, value_at
from cnn_tui.tui.forms.choice_screen import ChoiceScreen
from cnn_tui.tui.forms.controls import ChoiceControl, TextControl
from cnn_tui.tui.forms.experiment_form import ExperimentForm
from cnn_tui.tui.forms.field_row import FieldRow
from cnn_tui.tui.forms.form_line import FormLine

OTHER = override(
    Experiment(),
    [
        "data.dataset=digits",
        "data.image_size=64",
        "data.train_limit=500",
        "model.architecture=vgg16_bn",
        "model.weights=random",
        "model.trainable=all",
        "training.optimizer.learning_rate=1e-05",
        "training.label_smoothing=0.5",
        "training.early_stopping_patience=3",
        "training.seed=12345678901",
    ],
)


class Host(App[None]):
    def __init__(self, experiment: Experiment | None = None) -> None:
        super().__init__()
        self.experiment = experiment
        self.told: list[Message] = []

    def compose(self) -> ComposeResult:
        yield ExperimentForm(self.experiment)

    @property
    def form(self) -> ExperimentForm:
        return self.query_one(ExperimentForm)

    def row(self, path: str) -> FieldRow:
        (row,) = (row for row in self.query(FieldRow) if row.spec.path == path)
        return row

    def line(self) -> str:
        line = self.query_one(FormLine)
        return str(line.render()) if line.display else ""

    def at(self) -> str:
        (row,) = (row for row in self.query(FieldRow) if row.has_focus_within)
        return row.spec.path

    def on_experiment_form_changed(self, message: ExperimentForm.Changed) -> None:
        self.told.append(message)

    def on_experiment_form_field_focused(self, message: ExperimentForm.FieldFocused) -> None:
        self.told.append(message)

    def changes(self) -> list[ExperimentForm.Changed]:
        return [message for message in self.told if isinstance(message, ExperimentForm.Changed)]


async def enter(pilot: Pilot[None], path: str, *keys: str) -> None:
    """Replace what stands in a field by typing."""
    form = pilot.app.query_one(ExperimentForm)
    form.focus_field(path)
    await pilot.pause()
    await pilot.press("home", "shift+end", "delete", *keys)
    await pilot.pause()


async def test_every_field_has_its_control_and_shows_its_value() -> None:
    app = Host(OTHER)
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.pause()
        assert [row.spec for row in app.query(FieldRow)] == list(experiment_fields())
        for row in app.query(FieldRow):
            expected = ChoiceControl if row.spec.kind == "choice" else TextControl
            assert isinstance(row.field, expected)
            assert row.to_value() == value_at(OTHER, row.spec.path)
        assert app.form.to_model() == OTHER
        assert app.form.changed == frozenset()


async def test_loading_shows_another_experiment_and_measures_changes_against_it() -> None:
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.pause()
        assert app.form.to_model() == Experiment()
        app.form.load(OTHER)
        await pilot.pause()
        assert app.form.experiment == OTHER
        assert app.form.changed == frozenset()
        app.form.load(Experiment())
        await pilot.pause()
        assert app.form.experiment == Experiment()
        assert [message.experiment for message in app.changes()] == [Experiment(), OTHER, Experiment()]


async def test_typing_changes_the_experiment_and_marks_the_field() -> None:
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        await enter(pilot, "training.epochs", *"25")
        assert app.form.experiment == override(Experiment(), ["training.epochs=25"])
        assert app.form.changed == {"training.epochs"}
        assert app.row("training.epochs").render_line(0).text.startswith("• Epochs")
        await enter(pilot, "training.epochs", *"10")
        assert app.form.changed == frozenset()


@pytest.mark.parametrize(
    ("path", "typed", "says"),
    [
        ("training.epochs", "abc", "a whole number is expected"),
        ("training.epochs", "", "a whole number is expected"),
        ("training.epochs", "1.5", "a whole number is expected"),
        ("training.epochs", "0", "at least 1"),
        ("training.optimizer.learning_rate", "0", "more than 0"),
        ("data.train_limit", "1", "at least 2"),
        ("training.device", "tpu", "auto"),
    ],
)
async def test_a_wrong_value_stays_and_says_what_is_allowed(path: str, typed: str, says: str) -> None:
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        await enter(pilot, path, *typed)
        row = app.row(path)
        assert isinstance(row.field, TextControl)
        assert row.field.value == typed
        assert app.form.experiment is None
        assert [problem.path for problem in app.form.problems] == [path]
        assert says in row.render_line(1).text
        assert row.size.height == 2
        assert field(path).title in app.line()
        last = app.changes()[-1]
        assert (last.experiment, last.problems) == (None, app.form.problems)

        await pilot.press("ctrl+z")
        await pilot.pause()
        assert app.form.experiment == Experiment()
        assert row.size.height == 1
        assert app.line() == ""


async def test_an_empty_optional_field_is_none() -> None:
    app = Host(OTHER)
    async with app.run_test(size=(80, 40)) as pilot:
        await enter(pilot, "data.train_limit")
        assert app.form.experiment is not None
        assert app.form.experiment.data.train_limit is None
        control = app.row("data.train_limit").field
        assert isinstance(control, Input)
        assert control.placeholder == "none"


async def test_a_broken_rule_between_fields_stands_on_the_forms_own_line() -> None:
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        app.row("model.architecture").load("alexnet")
        await enter(pilot, "data.image_size", *"32")
        assert app.form.experiment is None
        assert "“Image size” 32 is too small for alexnet" in app.line()
        for path in ("data.image_size", "model.architecture"):
            assert app.row(path).render_line(0).text.startswith("✗")
            assert app.row(path).size.height == 1
        app.form.focus_field("training.seed")
        await pilot.press("f8")
        await pilot.pause()
        assert app.at() == "data.image_size"
        await pilot.press("f8")
        await pilot.pause()
        assert app.at() == "model.architecture"


async def test_remarks_are_shown_and_hinder_nothing() -> None:
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        await enter(pilot, "model.weights", *"random")
        assert app.form.experiment is not None
        assert "Random weights stay frozen" in app.line()


async def test_a_choice_is_found_by_typing() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.form.focus_field("model.architecture")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press(*"mobilenet_v3_s", "enter")
        await pilot.pause()
        assert app.form.experiment is not None
        assert app.form.experiment.model.architecture == "mobilenet_v3_small"
        await pilot.press("ctrl+z")
        await pilot.pause()
        assert app.form.experiment == Experiment()


async def test_a_list_can_be_left_and_says_when_nothing_matches() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.form.focus_field("model.architecture")
        await pilot.press("space")
        await pilot.pause()
        await pilot.press(*"zzz", "enter")
        await pilot.pause()
        assert isinstance(app.screen, ChoiceScreen)
        assert app.screen.query_one("#none").display
        await pilot.press("escape")
        await pilot.pause()
        assert app.form.experiment == Experiment()
        assert app.at() == "model.architecture"
        assert await pilot.click(app.row("training.schedule").field)
        await pilot.pause()
        await pilot.press("j", "enter")
        await pilot.pause()
        assert app.form.experiment == override(Experiment(), ["training.schedule=cosine"])


async def test_arrows_and_enter_go_through_the_fields_and_the_focused_one_is_in_view() -> None:
    app = Host()
    async with app.run_test(size=(80, 12)) as pilot:
        app.form.focus_field("data.dataset")
        await pilot.pause()
        paths = [spec.path for spec in experiment_fields()]
        for path in paths[1:]:
            await pilot.press("down")
            await pilot.pause()
            assert app.at() == path
            assert app.form.region.contains_region(app.row(path).field.region)
        await pilot.press("down", "up")
        await pilot.pause()
        assert app.at() == paths[-2]
        app.form.focus_field("training.epochs")
        await pilot.press("enter")
        await pilot.pause()
        assert app.at() == "training.batch_size"
        told = [message.spec.path for message in app.told if isinstance(message, ExperimentForm.FieldFocused)]
        assert told[: len(paths)] == paths


async def test_the_mouse_edits_a_field_by_its_title() -> None:
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.pause()
        assert await pilot.click(app.row("training.batch_size"), offset=(4, 0))
        await pilot.pause()
        assert app.at() == "training.batch_size"


async def test_only_news_is_told() -> None:
    app = Host()
    async with app.run_test(size=(80, 40)) as pilot:
        await enter(pilot, "training.epochs", *"12")
        count = len(app.changes())
        await pilot.press("space", "backspace", "left", "right")
        app.form.load(app.form.to_model() or Experiment())
        await pilot.pause()
        assert [message.changed for message in app.changes()[count:]] == [frozenset()]


async def test_a_hostile_path_stays_words() -> None:
    hostile = override(Experiment(), ["data.root=[/]\x1b]52;c;eA==\x07\u202e[red]x"])
    app = Host(hostile)
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.pause()
        assert app.form.to_model() == hostile
        assert "Folder has no effect" in app.line()
        for row in app.query(FieldRow):
            assert cell_len(row.render_line(0).text) == row.size.width
