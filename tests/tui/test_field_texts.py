"""The texts of the form: full help, units in singular and plural, settings without effect."""

from __future__ import annotations

import pytest
from host import screen_text, until
from textual.geometry import Region
from workbench import workbench

from cnn_tui.catalog.datasets import DATASETS
from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.changes import override
from cnn_tui.config.experiment import Experiment
from cnn_tui.config.fields import experiment_fields
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.warnings import experiment_warnings
from cnn_tui.formatting import quantity
from cnn_tui.tui.app import Workbench
from cnn_tui.tui.forms.choice_screen import ChoiceScreen, choice_table
from cnn_tui.tui.forms.experiment_form import ExperimentForm
from cnn_tui.tui.forms.fields import FieldRow
from cnn_tui.tui.forms.form_messages import FormMessages
from cnn_tui.tui.screens.setup_panes import FieldHelp

PLAIN = override(Experiment(), ["data.dataset=folder", "data.root=/images"])
UNUSED = override(Experiment(), ["data.dataset=fashion_mnist", "data.augment=crop_flip", "model.architecture=vgg16"])
SIZES = [(80, 24), (120, 36), (200, 50)]


def form(app: Workbench) -> ExperimentForm:
    return app.screen.query_one(ExperimentForm)


def row(app: Workbench, path: str) -> FieldRow:
    (found,) = (row for row in app.screen.query(FieldRow) if row.spec.path == path)
    return found


def unit(app: Workbench, path: str) -> str:
    return row(app, path).render_line(0).text[-9:].strip()


def text_in(app: Workbench, region: Region) -> str:
    """What is to be read in a part of the screen, its lines joined by blanks."""
    lines = screen_text(app).splitlines()[region.y : region.bottom]
    return " ".join(" ".join(line[region.x : region.right] for line in lines).split())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("experiment", [PLAIN, UNUSED])
async def test_the_help_of_every_field_is_shown_in_full(size: tuple[int, int], experiment: Experiment) -> None:
    async with workbench(size=size) as (app, _, pilot):
        form(app).load(experiment)
        await pilot.pause()
        shown, places = app.screen.query_one(FieldHelp), set()
        for spec in experiment_fields():
            form(app).focus_field(spec.path)
            await pilot.pause()
            words = text_in(app, shown.content_region)
            assert words.startswith(spec.title)
            assert words.endswith(" ".join(spec.description.split()[-3:]))
            assert form(app).region.contains_region(row(app, spec.path).region)
            places.add(form(app).region)
        assert len(places) == 1 or experiment is UNUSED  # it keeps its place while the cursor walks


async def test_bounds_read_as_a_phrase() -> None:
    async with workbench(size=(120, 36)) as (app, _, pilot):
        form(app).focus_field("data.train_limit")
        shown = app.screen.query_one(FieldHelp)
        await until(pilot, lambda: "2 to 100,000,000 images, or none" in text_in(app, shown.content_region))


async def test_units_agree_with_the_number() -> None:
    async with workbench(size=(120, 36)) as (app, _, pilot):
        form(app).focus_field("training.epochs")
        for typed, expected in (("1", "epoch"), ("12", "epochs"), ("", "epochs"), ("x", "epochs")):
            row(app, "training.epochs").load(typed)
            await pilot.pause()
            assert unit(app, "training.epochs") == expected


async def test_a_setting_without_effect_is_dimmed_and_explained_but_can_be_edited() -> None:
    async with workbench(size=(120, 36)) as (app, _, pilot):
        await until(pilot, lambda: row(app, "data.root").unused)
        assert set(form(app).unused) == {"data.root", "model.batch_norm", "training.feature_cache"}
        assert unit(app, "data.root") == "ignored"
        dimmed, plain = row(app, "data.root"), row(app, "model.weights")
        assert dimmed.control.styles.color != plain.control.styles.color
        form(app).focus_field("data.root")
        await pilot.press(*"/x")
        await until(pilot, lambda: "no effect: the dataset is digits" in screen_text(app))
        experiment = form(app).to_model()
        assert experiment is not None
        assert experiment.data.root == "/x"


async def test_a_setting_becomes_effective_even_while_the_form_is_invalid() -> None:
    async with workbench(size=(120, 36)) as (app, _, pilot):
        row(app, "data.dataset").load("folder")
        await until(pilot, lambda: not row(app, "data.root").unused)
        assert form(app).to_model() is None
        row(app, "training.epochs").load("0")
        row(app, "model.trainable").load("last_layer")
        await until(pilot, lambda: not row(app, "model.batch_norm").unused)
        row(app, "data.dataset").load("mnist")
        form(app).focus_field("data.root")
        await until(pilot, lambda: "no effect: the dataset is mnist" in screen_text(app))


@pytest.mark.parametrize("size", SIZES)
async def test_the_list_of_models_shows_size_and_accuracy(size: tuple[int, int]) -> None:
    async with workbench(size=size) as (app, _, pilot):
        form(app).focus_field("model.architecture")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.pause()
        lines = [" ".join(line.strip(" │").split()) for line in screen_text(app).splitlines()]
        top = next(
            place for place, line in enumerate(lines) if "model parameters GMACs ImageNet top-1 download" in line
        )
        for line, name in zip(lines[top + 1 :], list(ARCHITECTURES)[:7], strict=False):
            assert name in line
        assert any("resnet18 11.7 M 1.81 69.8 % 46.8 MB" in line for line in lines)
        await pilot.press(*"squeezenet1_1")
        await until(pilot, lambda: "1.24 M" in screen_text(app) and "11.7 M  " not in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: row(app, "model.architecture").to_value() == "squeezenet1_1")


def test_every_choice_has_a_line_in_its_table() -> None:
    models, datasets = choice_table("model.architecture"), choice_table("data.dataset")
    assert models is not None
    assert datasets is not None
    assert list(models.lines) == list(ARCHITECTURES)
    assert list(datasets.lines) == list(DATASETS)
    for facts in (models, datasets):
        assert {len(line) for line in facts.lines.values()} == {len(facts.header)}
        assert len(facts.header) <= 74
    for name, architecture in ARCHITECTURES.items():
        cells = models.lines[name].split()
        assert cells[0] == name
        assert f"{architecture.accuracy:.1f}" in cells
        assert models.lines[name].endswith(quantity(architecture.weights_bytes, "bytes"))
    assert choice_table("training.schedule") is None


@pytest.mark.parametrize("size", SIZES)
async def test_warnings_are_never_cut_within_a_sentence(size: tuple[int, int]) -> None:
    settings = "data.dataset=digits data.root=/x data.augment=flip model.weights=random model.trainable=classifier"
    many = override(Experiment(), settings.split())
    assert len(experiment_warnings(many)) == 4
    async with workbench(size=size, preset=RunPreset(name="many", experiment=many)) as (app, _, pilot):
        line = app.screen.query_one(FormMessages)
        await until(pilot, lambda: line.region.height)
        await pilot.pause()
        words = text_in(app, line.content_region)
        assert all(f"! {notice.title}." in words for notice in experiment_warnings(many))
        assert words.endswith(".")
        assert " ".join(str(line.render()).split()) == words
