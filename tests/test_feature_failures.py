"""A feature pass that is killed, and one whose disk is full."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import shufflenet_v2_x0_5

from cnn_tui.engine.features import feature_store
from cnn_tui.engine.training.train import train
from cnn_tui.events import Event, WarningRaised
from cnn_tui.store.cache_index import LIMIT_VARIABLE, cached_sets, features_for
from test_feature_pass import computed, pass_detail
from test_train import ending, experiment, figures

KILLED = """
import os, signal, sys
from cnn_tui.config.experiment import Experiment
from cnn_tui.imports import importing_engine

with importing_engine():
    from cnn_tui.engine.features import feature_pass, feature_writer
    from cnn_tui.engine.training.train import train

feature_writer._CHUNK_SECONDS = 0.0
feature_pass.feature_batch = lambda size, device: 16
add = feature_writer.FeatureWriter.add

def add_and_die(self, features):
    problem = add(self, features)
    if self.done >= 64:
        self.finish()
        os.kill(os.getpid(), signal.SIGKILL)
    return problem

feature_writer.FeatureWriter.add = add_and_die
list(train(Experiment.model_validate_json(sys.argv[1])))
"""


@pytest.fixture
def frozen(tmp_path: Path) -> dict[str, Any]:
    """The settings of a run on a frozen network."""
    path = tmp_path / "shufflenet.pth"
    with torch.random.fork_rng():
        torch.manual_seed(2)
        torch.save(shufflenet_v2_x0_5(num_classes=10).state_dict(), path)
    return {"model__weights": str(path), "model__trainable": "last_layer", "training__epochs": 1}


def warnings(events: list[Event]) -> list[WarningRaised]:
    return [event for event in events if isinstance(event, WarningRaised)]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_pass_goes_on_where_it_was(frozen: dict[str, Any]) -> None:
    settings = experiment(**frozen)
    child = subprocess.run([sys.executable, "-c", KILLED, settings.model_dump_json()], check=False, timeout=120)
    assert child.returncode == -signal.SIGKILL
    events = list(train(settings))
    assert pass_detail(events) == "computed once for these images, 64 of 120 were cached, 491.5 kB"
    assert computed(events) == 56
    assert not warnings(events)
    assert figures(events) == figures(list(train(settings)))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits to set")
def test_a_full_disk_does_not_end_the_run(frozen: dict[str, Any]) -> None:
    import resource

    expected = list(train(experiment(**frozen, training__feature_cache="off")))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, before[1]))
    try:
        events = list(train(experiment(**frozen)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    (warning,) = warnings(events)
    assert warning.title == "The features cannot be cached"
    assert "disk is full" in warning.detail
    assert ending(events).status == "done"
    assert figures(events)[0] == pytest.approx(figures(expected)[0], rel=1e-4)
    assert [one.size for one in cached_sets()] == [0]


def test_a_set_larger_than_the_limit_is_not_kept(frozen: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "0.0001")
    events = list(train(experiment(**frozen)))
    assert [warning.title for warning in warnings(events)] == ["The features cannot be cached"]
    assert LIMIT_VARIABLE in warnings(events)[0].hint
    assert ending(events).status == "done"
    assert [one.size for one in cached_sets()] == [0]
    assert features_for(experiment(**frozen)) is None


def test_a_limit_that_is_no_number_is_told_before_the_work(
    frozen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT_VARIABLE, "much")
    finished = ending(list(train(experiment(**frozen))))
    assert finished.error is not None
    assert LIMIT_VARIABLE in finished.error.title


def test_features_of_several_chunks_and_of_none(tmp_path: Path) -> None:
    rows = torch.arange(12.0).view(6, 2)
    for places in ([4, 0], [5, 3], [0, 1]):
        feature_store.write(tmp_path, torch.tensor(places), rows[places])
    found = feature_store.read(tmp_path, torch.tensor([0, 1, 3, 7]))
    assert sorted(found.indices.tolist()) == [0, 1, 3]
    assert isinstance(found.features, torch.Tensor)
    assert torch.equal(found.features, rows[found.indices])
    assert feature_store.read(tmp_path, torch.tensor([7])).features is None
