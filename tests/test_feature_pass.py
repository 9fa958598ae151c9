"""The feature cache: reused, resumed, repaired, and left behind when the disk is full."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import shufflenet_v2_x0_5

from cnn_tui.engine.control import never
from cnn_tui.engine.features import feature_store
from cnn_tui.engine.training.train import train
from cnn_tui.events import Event, Phase, Progress, WarningRaised
from cnn_tui.store.cache_index import LIMIT_VARIABLE, cached_sets, evict
from test_train import after_batches, ending, experiment, figures


@pytest.fixture
def frozen(tmp_path: Path) -> dict[str, Any]:
    """The settings of a run on a frozen network."""
    path = tmp_path / "shufflenet.pth"
    with torch.random.fork_rng():
        torch.manual_seed(2)
        torch.save(shufflenet_v2_x0_5(num_classes=10).state_dict(), path)
    return {"model__weights": str(path), "model__trainable": "last_layer", "training__epochs": 2}


def run(should_stop: Any = never, **changes: Any) -> list[Event]:
    return list(train(experiment(**changes), should_stop))


def pass_detail(events: list[Event]) -> str:
    (phase,) = [event for event in events if isinstance(event, Phase) and event.name == "features"]
    return phase.detail


def computed(events: list[Event]) -> int:
    """How many images went through the backbone."""
    names = [(event.name if isinstance(event, Phase) else "", event) for event in events]
    start = next(index for index, (name, _) in enumerate(names) if name == "features")
    done = 0
    for _, event in names[start + 1 :]:
        if isinstance(event, Phase):
            break
        if isinstance(event, Progress):
            done = event.done
    return done


def test_a_second_run_with_other_settings_computes_nothing(frozen: dict[str, Any]) -> None:
    first = run(**frozen)
    second = run(**frozen, training__optimizer__learning_rate=0.1, training__seed=3, data__validation_fraction=0.2)
    assert (pass_detail(first), computed(first)) == ("computed once for these images, 491.5 kB", 120)
    assert pass_detail(run(**frozen)).startswith("reused (")
    assert computed(second) < 120
    assert figures(first) != figures(second)


def test_reused_features_give_the_same_run(frozen: dict[str, Any]) -> None:
    first, again = run(**frozen), run(**frozen)
    assert computed(again) == 0
    assert figures(first) == figures(again)


def test_a_smaller_limit_takes_rows_of_the_same_store(frozen: dict[str, Any]) -> None:
    run(**frozen, data__test_limit=40)
    fewer = run(**frozen, data__test_limit=20)
    assert len(cached_sets()) == 1
    assert computed(fewer) <= 20


def test_with_random_weights_other_limits_reuse_the_features(frozen: dict[str, Any]) -> None:
    random = frozen | {"model__weights": "random"}
    assert computed(run(**random)) > 0
    fewer = run(**random, data__validation_fraction=0.3)
    assert pass_detail(fewer).startswith("reused")
    limited = run(**(random | {"data__train_limit": 30}))
    assert pass_detail(limited).startswith("reused")
    assert len(cached_sets()) == 1


@pytest.mark.parametrize(
    "change", [{"data__image_size": 40}, {"training__precision": "bfloat16"}, {"data__dataset": "digits"}]
)
def test_what_changes_the_features_changes_the_store(frozen: dict[str, Any], change: dict[str, Any]) -> None:
    run(**frozen)
    run(**(frozen | change))
    assert len(cached_sets()) == (1 if change == {"data__dataset": "digits"} else 2)


def test_a_stopped_pass_goes_on_where_it_was(frozen: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cnn_tui.engine.features.feature_pass.feature_batch", lambda size, device: 16)
    whole = run(**frozen)
    for one in cached_sets():
        for chunk in one.folder.glob("*.safetensors"):
            chunk.unlink()
    stopped = run(after_batches(5), **frozen)
    assert ending(stopped).status == "stopped"
    held = len(feature_store.read(cached_sets()[0].folder, torch.arange(2000)).indices)
    resumed = run(**frozen)
    assert 0 < held < 120
    assert computed(resumed) == 120 - held
    assert f"{held} of 120 were cached" in pass_detail(resumed)
    assert figures(resumed) == figures(whole)


def test_a_flipped_byte_is_found_and_computed_again(frozen: dict[str, Any]) -> None:
    first = run(**frozen)
    (one,) = cached_sets()
    chunk = next(one.folder.glob("*.safetensors"))
    content = bytearray(chunk.read_bytes())
    content[-5] ^= 1
    chunk.write_bytes(content)
    again = run(**frozen)
    assert "damaged" in next(event.title for event in again if isinstance(event, WarningRaised))
    assert computed(again) == 120
    assert figures(again) == figures(first)


def test_stale_features_are_noticed(frozen: dict[str, Any]) -> None:
    first = run(**frozen)
    (one,) = cached_sets()
    stored = feature_store.read(one.folder, torch.arange(2000))
    assert isinstance(stored.features, torch.Tensor)
    for chunk in one.folder.glob("*.safetensors"):
        chunk.unlink()
    feature_store.write(one.folder, stored.indices, stored.features + 1)
    again = run(**frozen)
    assert "stale" in next(event.title for event in again if isinstance(event, WarningRaised))
    assert figures(again) == figures(first)


def test_a_run_goes_on_where_features_cannot_be_kept(frozen: dict[str, Any], home: Path) -> None:
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "features").write_text("in the way", encoding="utf-8")
    events = run(**frozen)
    assert "cannot be cached" in next(event.title for event in events if isinstance(event, WarningRaised))
    assert ending(events).status == "done"


def test_the_least_recently_used_set_goes_first(frozen: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    run(**frozen)
    (old,) = cached_sets()
    os.utime(old.folder / "about.json", (1, 1))
    run(**frozen, data__image_size=40)
    new = cached_sets()[0]
    monkeypatch.setenv(LIMIT_VARIABLE, str((new.size + 2) / 1e9))
    assert [one.key for one in evict(new.folder, 1)] == [old.key]
    assert [one.key for one in cached_sets()] == [new.key]
