"""``cnn-tui sessions export --weights``: torchvision loads the file and gives the session's predictions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded
from cnn_tui.config.experiment import DataConfig
from cnn_tui.engine.control import never
from cnn_tui.engine.data import loading
from cnn_tui.engine.data.batches import Preprocess
from cnn_tui.store.predictions import Predictions
from image_folders import finish
from recorded_runs import record_run

Output = pytest.CaptureFixture[str]
DATA = {"train_limit": 48, "test_limit": 20}


@pytest.fixture(autouse=True)
def hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)


def export(folder: Path, target: Path, capsys: Output) -> str:
    """Export the weights of a session, and return the call that loads them."""
    capsys.readouterr()
    assert guarded(cli, ["sessions", "export", folder.name, "--weights", str(target)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = (line.strip() for line in err.splitlines() if "model = " in line)
    return line.removeprefix("model = ")


def assert_same_predictions(network: nn.Module, folder: Path) -> None:
    """The network gives the logits and probabilities that the session has of its test images."""
    experiment = json.loads((folder / "session.json").read_text())["experiment"]
    data = DataConfig.model_validate(experiment["data"])
    _, loaded = finish(loading.load(data, experiment["training"]["seed"], never, sampled=True))
    predictions = Predictions.load(folder, with_logits=True)
    images = Preprocess(data.image_size, *loaded.statistics())(loaded.test.images(torch.from_numpy(predictions.index)))
    with torch.no_grad():
        outputs = network.eval()(images)
    assert predictions.logits is not None
    assert predictions.top_classes is not None
    assert predictions.top_probabilities is not None
    assert len(outputs) == 20
    assert outputs.argmax(dim=1).tolist() == predictions.predicted.tolist()
    np.testing.assert_allclose(outputs.numpy(), predictions.logits, rtol=2e-3, atol=2e-3)  # stored in float16
    probabilities = outputs.softmax(dim=1).numpy()
    expected = np.take_along_axis(probabilities, predictions.top_classes.astype(np.int64), axis=1)
    np.testing.assert_allclose(expected, predictions.top_probabilities, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "call"),
    [
        ({"trainable": "last_layer"}, "shufflenet_v2_x0_5(num_classes=10)"),
        ({"trainable": "last_layer", "batch_norm": "adapt"}, "shufflenet_v2_x0_5(num_classes=10)"),
        (
            {"trainable": "classifier", "architecture": "mobilenet_v3_small"},
            "mobilenet_v3_small(num_classes=10)",
        ),
        ({"trainable": "all"}, "shufflenet_v2_x0_5(num_classes=10)"),
        (
            {"trainable": "last_layer", "architecture": "googlenet"},
            "googlenet(num_classes=10, aux_logits=False, transform_input=False, init_weights=False)",
        ),
        (
            {"trainable": "all", "architecture": "googlenet"},
            "googlenet(num_classes=10, aux_logits=True, transform_input=False, init_weights=False)",
        ),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value.values()),
)
def test_torchvision_loads_all_layers(model: dict[str, Any], call: str, tmp_path: Path, capsys: Output) -> None:
    folder = record_run("weights", data=DATA, model=model)
    target = tmp_path / "weights.pth"
    assert export(folder, target, capsys) == f"torchvision.models.{call}"
    network = eval(call, vars(torchvision.models))
    network.load_state_dict(torch.load(target, weights_only=True), strict=True)
    assert_same_predictions(network, folder)


def test_the_suffix_selects_the_format(tmp_path: Path, capsys: Output) -> None:
    folder, target = record_run("weights", data=DATA, model={"trainable": "all"}), tmp_path / "weights.safetensors"
    export(folder, target, capsys)
    network = torchvision.models.shufflenet_v2_x0_5(num_classes=10)
    network.load_state_dict(safetensors.torch.load_file(target), strict=True)
    assert_same_predictions(network, folder)
    for name in ("weights.onnx", "weights"):
        assert guarded(cli, ["sessions", "export", folder.name, "--weights", str(tmp_path / name)]) == 2
        assert ".pth, .pt, .safetensors" in capsys.readouterr().err
        assert not (tmp_path / name).exists()


def test_versions_of_layers_are_kept_where_the_format_can(tmp_path: Path, capsys: Output) -> None:
    folder = record_run("weights", data=DATA, model={"architecture": "mnasnet0_5", "trainable": "last_layer"})
    export(folder, tmp_path / "weights.pth", capsys)
    network = torchvision.models.mnasnet0_5(num_classes=10)
    network.load_state_dict(torch.load(tmp_path / "weights.pth", weights_only=True), strict=True)
    assert_same_predictions(network, folder)
    assert guarded(cli, ["sessions", "export", "latest", "--weights", str(tmp_path / "weights.safetensors")]) == 2
    assert ".pth" in capsys.readouterr().err


def test_frozen_layers_come_from_the_users_file_as_it_was(tmp_path: Path, capsys: Output) -> None:
    own, target = tmp_path / "own.pth", tmp_path / "weights.pth"
    torch.manual_seed(1)
    initial = torchvision.models.shufflenet_v2_x0_5(num_classes=7).state_dict()
    torch.save(initial, own)
    folder = record_run("own", data=DATA, model={"weights": str(own), "trainable": "last_layer"})
    export(folder, target, capsys)
    exported = torch.load(target, weights_only=True)
    assert torch.equal(exported["conv1.0.weight"], initial["conv1.0.weight"])
    assert exported["fc.weight"].shape == (10, 1024)
    target.unlink()
    torch.save({name: tensor + 1 for name, tensor in initial.items()}, own)
    for title in ("The weights file has changed", "The weights file does not exist"):
        assert guarded(cli, ["sessions", "export", folder.name, "--weights", str(target)]) == 3
        message = capsys.readouterr().err
        assert title in message
        assert str(own) in message
        own.unlink(missing_ok=True)
    assert not target.exists()


def test_imagenet_weights_that_are_not_available_end_with_3(tmp_path: Path, capsys: Output, monkeypatch: Any) -> None:
    folder = record_run("weights", data=DATA, model={"trainable": "last_layer"})
    path = folder / "session.json"
    path.write_text(path.read_text().replace('"weights": "random"', '"weights": "imagenet"'))
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("cnn_tui.engine.models.weights.imagenet_source", _nowhere)
    assert guarded(cli, ["sessions", "export", "latest", "--weights", str(tmp_path / "weights.pth")]) == 3
    assert "could not be downloaded" in capsys.readouterr().err


def _nowhere(architecture: str) -> Any:
    from cnn_tui.engine.models.weights import WeightsSource

    return WeightsSource("http://127.0.0.1:9/weights-0123abcd.pth", "0123abcd")


def test_sessions_without_sound_weights_end_with_3(tmp_path: Path, capsys: Output) -> None:
    folder, target = record_run("weights", data=DATA, model={"trainable": "last_layer"}), tmp_path / "weights.pth"
    command = ["sessions", "export", folder.name, "--weights", str(target)]
    file = folder / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert guarded(cli, command) == 3
    assert "checksum" in capsys.readouterr().err
    file.unlink()
    assert guarded(cli, command) == 3
    assert "has no trained weights" in capsys.readouterr().err
    assert not target.exists()


def test_weights_are_no_report(tmp_path: Path, capsys: Output) -> None:
    command = ["sessions", "export", "latest", "--weights", str(tmp_path / "weights.pth")]
    assert guarded(cli, [*command, "--format", "html"]) == 2
    assert "--weights writes no report" in capsys.readouterr().err
    assert guarded(cli, command) == 4
