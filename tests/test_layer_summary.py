"""The summary of a network, and the command that shows it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.cli.models import models
from cnn_tui.engine.models.layer_summary import summary
from cnn_tui.errors import ConfigError

SAMPLE = ("resnet18", "vgg16", "googlenet", "vit_b_16", "maxvit_t", "swin_v2_t", "squeezenet1_0", "convnext_tiny")


@pytest.mark.parametrize("name", SAMPLE)
def test_layers_add_up_to_the_whole(name: str) -> None:
    found = summary(name, 1000, 224)
    assert sum(layer.parameters for layer in found.layers) == found.parameters == ARCHITECTURES[name].parameters
    assert found.layers[-1].output_shape[0] == 1000
    assert len(found.layers) < 60


def test_resnet18_is_told_in_its_blocks() -> None:
    layers = {layer.name: layer for layer in summary("resnet18", 10, 64).layers}
    assert layers["layer4.1"].kind == "BasicBlock"
    assert layers["layer4.1"].output_shape == (512, 2, 2)
    assert (layers["fc"].output_shape, layers["fc"].parameters) == ((10,), 5130)


def test_a_sequence_of_like_blocks_is_counted() -> None:
    kinds = [layer.kind for layer in summary("convnext_tiny", 10, 64).layers]
    assert "9 x CNBlock" in kinds


def test_what_each_choice_trains() -> None:
    last, classifier, everything = summary("vgg16", 10, 32).trained_parts
    assert (last.trainable, last.layers, last.parameters) == ("last_layer", ("classifier.6",), 40_970)
    assert classifier.layers == ("classifier.0", "classifier.3", "classifier.6")
    assert classifier.parameters == 40_970 + 16_781_312 + 102_764_544
    assert (everything.trainable, everything.layers) == ("all", ())


def test_the_table_names_every_model_in_full() -> None:
    outcome = CliRunner().invoke(models)
    lines = outcome.output.splitlines()
    assert outcome.exit_code == 0
    assert [line.split()[0] for line in lines[1:]] == list(ARCHITECTURES)
    assert "\x1b" not in outcome.output


def test_the_least_picture_is_one_that_an_experiment_may_ask_for() -> None:
    lines = CliRunner().invoke(models).output.splitlines()
    least = {line.split()[0]: int(line.split()[-1]) for line in lines[1:]}
    assert (least["resnet18"], least["alexnet"]) == (8, 63)


def test_the_table_as_json() -> None:
    rows = json.loads(CliRunner().invoke(models, ["--json"]).output)
    assert len(rows) == len(ARCHITECTURES)
    assert rows[0]["name"] == "vgg16"


def test_one_model_shows_its_layers_and_choices() -> None:
    output = CliRunner().invoke(models, ["alexnet"]).output
    assert "features.12" in output
    assert "classifier.1, classifier.4, classifier.6" in output


def test_one_model_as_json() -> None:
    found = json.loads(CliRunner().invoke(models, ["resnet18", "--json"]).output)
    assert found["model"]["name"] == "resnet18"
    assert found["layers"][-1]["output_shape"] == [1000]
    assert [part["trainable"] for part in found["trained_parts"]] == ["last_layer", "classifier", "all"]


def test_an_unknown_model_comes_with_the_nearest() -> None:
    error = CliRunner().invoke(models, ["resnet-19"]).exception
    assert isinstance(error, ConfigError)
    assert "resnet18" in error.hint


def test_the_table_needs_no_torch() -> None:
    code = (
        "import sys; from cnn_tui.cli.models import models; models(['--json'], standalone_mode=False); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
