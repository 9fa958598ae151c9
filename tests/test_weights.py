"""Weights from files and from a server: what is taken, what is refused, and in which words."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import pickle
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.experiment import ModelConfig
from cnn_tui.engine import weights
from cnn_tui.engine.heads import last_layer
from cnn_tui.engine.models import Classifier, build, load_weights, skeleton
from cnn_tui.engine.stopping import Stopped
from cnn_tui.engine.weights import WeightsSource, fetch_imagenet, imagenet_source, read_state, weights_available
from cnn_tui.errors import WeightsError
from cnn_tui.events import Event, Phase, Progress, WarningRaised

NAME = "shufflenet_v2_x0_5"
State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def torch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture(scope="module")
def full() -> State:
    return _state(NAME, classes=1000)


def _config(**settings: Any) -> ModelConfig:
    return ModelConfig.model_validate({"architecture": NAME, "weights": "random", "trainable": "all"} | settings)


def _state(name: str, classes: int, seed: int = 9) -> State:
    classifier = build(_config(architecture=name), classes, 32, seed)
    list(load_weights(classifier))
    return dict(classifier.network.state_dict())


def _load(path: Path, classes: int = 5, size: int = 32, **settings: Any) -> tuple[Classifier, list[Event]]:
    classifier = build(_config(weights=str(path), trainable="last_layer", **settings), classes, size, 0)
    return classifier, list(load_weights(classifier))


def _saved(content: Any, path: Path) -> Path:
    torch.save(content, path)
    return path


def _refused(path: Path, **settings: Any) -> WeightsError:
    with pytest.raises(WeightsError) as caught:
        _load(path, **settings)
    return caught.value


def _assert_holds(classifier: Classifier, state: State) -> None:
    """All but the last layer is that of ``state``."""
    name, _ = last_layer(classifier.network)
    for key, tensor in classifier.network.state_dict().items():
        assert key.startswith(f"{name}.") or torch.equal(tensor, state[key]), key


@pytest.mark.parametrize("wrap", ["plain", "state_dict", "model", "module", "compiled", "both"])
def test_every_usual_layout_is_read(wrap: str, full: State, tmp_path: Path) -> None:
    prefixed = {f"module.{name}": tensor for name, tensor in full.items()}
    contents: dict[str, Any] = {
        "plain": full,
        "state_dict": {"state_dict": full, "epoch": 3},
        "model": {"model": full},
        "module": prefixed,
        "compiled": {f"_orig_mod.{name}": tensor for name, tensor in full.items()},
        "both": {"state_dict": prefixed},
    }
    classifier, _ = _load(_saved(contents[wrap], tmp_path / "weights.pth"))
    _assert_holds(classifier, full)


def test_safetensors_are_read(full: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(full, path)
    classifier, _ = _load(path)
    _assert_holds(classifier, full)


def test_another_number_of_classes_begins_the_last_layer_anew_and_says_so(full: State, tmp_path: Path) -> None:
    path = _saved(full, tmp_path / "weights.pth")
    (first, events), (again, _) = _load(path), _load(path)
    warning = events[-1]
    assert isinstance(warning, WarningRaised)
    assert "fc.weight is 1000x1024 and should be 5x1024" in warning.detail
    assert torch.equal(first.network.get_parameter("fc.weight"), again.network.get_parameter("fc.weight"))
    assert first.network.get_parameter("fc.weight").std() > 0


def test_a_last_layer_that_fits_is_kept(full: State, tmp_path: Path) -> None:
    classifier, events = _load(_saved(full, tmp_path / "weights.pth"), classes=1000)
    assert torch.equal(classifier.network.get_parameter("fc.weight"), full["fc.weight"])
    assert [event.type for event in events] == ["phase"]


def test_a_backbone_without_last_layer_will_do(full: State, tmp_path: Path) -> None:
    backbone = {name: tensor for name, tensor in full.items() if not name.startswith("fc.")}
    classifier, events = _load(_saved(backbone, tmp_path / "weights.pth"))
    _assert_holds(classifier, full)
    assert isinstance(events[-1], WarningRaised)
    assert "fc.weight is missing" in events[-1].detail


def test_half_precision_becomes_single(full: State, tmp_path: Path) -> None:
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in full.items()}
    classifier, _ = _load(_saved(halves, tmp_path / "weights.pth"))
    assert all(parameter.dtype == torch.float32 for parameter in classifier.network.parameters())


def test_files_older_than_step_counters_are_read(full: State, tmp_path: Path) -> None:
    old = {name: tensor for name, tensor in full.items() if not name.endswith("num_batches_tracked")}
    classifier, _ = _load(_saved(old, tmp_path / "weights.pth"))
    _assert_holds(classifier, full)


@pytest.mark.parametrize(
    ("name", "present", "old"),
    [
        ("densenet121", r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2."),
        ("vit_b_32", r"\.mlp\.0\.", ".mlp.linear_1."),
    ],
)
def test_names_of_old_files_are_understood(name: str, present: str, old: str, tmp_path: Path) -> None:
    state = _state(name, classes=5)
    renamed = {re.sub(present, old, key).replace(".mlp.3.", ".mlp.linear_2."): value for key, value in state.items()}
    assert renamed.keys() != state.keys()
    classifier, _ = _load(_saved(renamed, tmp_path / "weights.pth"), architecture=name)
    _assert_holds(classifier, state)


def test_auxiliary_heads_in_a_file_are_left_out(tmp_path: Path) -> None:
    state = _state("googlenet", classes=1000)
    assert any(name.startswith("aux1.") for name in state)
    classifier, _ = _load(_saved(state, tmp_path / "weights.pth"), architecture="googlenet")
    _assert_holds(classifier, state)


def test_a_vision_transformer_takes_pictures_of_another_size(tmp_path: Path) -> None:
    state = _state("vit_b_32", classes=5)  # one patch of 32 pixels
    classifier, _ = _load(_saved(state, tmp_path / "weights.pth"), size=96, architecture="vit_b_32")
    positions = classifier.network.get_parameter("encoder.pos_embedding")
    assert positions.shape[1] == 1 + 9
    assert torch.allclose(positions[0, 1:], state["encoder.pos_embedding"][0, 1].expand(9, -1), atol=1e-5)
    assert torch.equal(positions[0, 0], state["encoder.pos_embedding"][0, 0])


def test_a_deeper_network_is_not_taken_for_a_shallower_one(tmp_path: Path) -> None:
    error = _refused(_saved(_state("resnet34", 5), tmp_path / "weights.pth"), architecture="resnet18")
    assert "layer1.2.conv1.weight is not in this model" in error.detail
    assert str(tmp_path / "weights.pth") in error.detail


def test_a_wrong_shape_is_named_with_both_sizes(full: State, tmp_path: Path) -> None:
    wrong = full | {"conv1.0.weight": torch.zeros(24, 1, 3, 3)}
    error = _refused(_saved(wrong, tmp_path / "weights.pth"))
    assert "conv1.0.weight is 24x1x3x3 and should be 24x3x3x3" in error.detail
    assert "model.architecture" in error.hint


def test_only_the_first_few_differences_are_told(full: State, tmp_path: Path) -> None:
    other = {f"other.{name}": tensor for name, tensor in full.items()}
    assert re.search(r"and \d{3} more\.$", _refused(_saved(other, tmp_path / "weights.pth")).detail)


def test_a_part_that_a_run_saved_is_refused_as_such(full: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file({name: full[name] for name in ("fc.weight", "fc.bias")}, path)
    error = _refused(path)
    assert "only a part" in error.title
    assert "fc.bias, fc.weight" in error.detail


class _Harmful:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.filterwarnings("error")
def test_code_in_a_file_is_never_run(zipped: bool, tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "weights.pth"
    torch.save({"a": _Harmful(mark)}, path, _use_new_zipfile_serialization=zipped)
    assert "code in a file is never run" in _refused(path).detail
    path.write_bytes(pickle.dumps(_Harmful(mark)))
    _refused(path)
    assert not mark.exists()


@pytest.mark.parametrize("content", [{}, [1, 2], {"a": 3}, {"state_dict": {"a": "b"}}, {1: torch.zeros(1)}])
def test_a_file_without_a_state_dict_is_refused(content: Any, tmp_path: Path) -> None:
    assert "no state dict" in _refused(_saved(content, tmp_path / "weights.pth")).title


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    error = _refused(tmp_path / "nothing.pth")
    assert str(tmp_path / "nothing.pth") in error.detail
    assert error.exit_code == 3


@pytest.fixture(scope="module", params=["zip", "legacy", "safetensors"])
def good(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file of each format that there is."""
    state = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3)}
    path: Path = tmp_path_factory.mktemp("good") / ("a.safetensors" if request.param == "safetensors" else "a.pth")
    if request.param == "safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=request.param == "zip")
    return path


@given(data=st.data())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_wrong_bytes_are_read_or_refused(good: Path, data: st.DataObject, tmp_path: Path) -> None:
    whole = good.read_bytes()
    flipped = st.lists(st.integers(0, 8 * len(whole) - 1), max_size=4).map(lambda bits: _flipped(whole, bits))
    short = st.integers(0, len(whole)).map(lambda length: whole[:length])
    pickled = st.binary(max_size=60).map(lambda middle: b"\x80\x02" + middle + b".")
    path = tmp_path / good.name
    path.write_bytes(data.draw(flipped | short | pickled | st.binary(max_size=100)))
    with contextlib.suppress(WeightsError):
        assert read_state(path)


def _flipped(content: bytes, bits: list[int]) -> bytes:
    damaged = bytearray(content)
    for bit in bits:
        damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the URL that it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
    ) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()
        thread.join()


@pytest.fixture
def source(server: tuple[Path, str], full: State, monkeypatch: pytest.MonkeyPatch) -> WeightsSource:
    """The address of ``full`` in the place of torchvision's, its name made as torchvision's are."""
    folder, url = server
    path = _saved(full, folder / "weights.pth")
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    path.rename(folder / f"{NAME}-{digits}.pth")
    found = WeightsSource(f"{url}/{NAME}-{digits}.pth", digits)
    monkeypatch.setattr(weights, "imagenet_source", lambda _name: found)
    return found


def _imagenet() -> Classifier:
    return build(_config(weights="imagenet", trainable="last_layer"), 1000, 32, 0)


def test_imagenet_weights_are_fetched_once(source: WeightsSource, full: State) -> None:
    assert weights_available(NAME) is None
    classifier = _imagenet()
    events = list(load_weights(classifier))
    _assert_holds(classifier, full)
    assert [event.name for event in events if isinstance(event, Phase)] == ["downloading", "loading"]
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert (last.done, last.unit) == (source.own_path.stat().st_size, "bytes")
    assert weights_available(NAME) == source.own_path
    assert [event.type for event in load_weights(_imagenet())] == ["phase"]


def test_imagenets_last_layer_is_never_kept(source: WeightsSource, full: State) -> None:
    classifier = _imagenet()
    list(load_weights(classifier))
    assert not torch.equal(classifier.network.get_parameter("fc.weight"), full["fc.weight"])


def test_pytorchs_own_cache_is_used(source: WeightsSource, full: State, torch_home: Path, server: Any) -> None:
    torch_home.mkdir(parents=True)
    (server[0] / source.file_name).rename(torch_home / source.file_name)
    assert weights_available(NAME) == torch_home / source.file_name
    classifier = _imagenet()
    assert [event.type for event in load_weights(classifier)] == ["phase"]
    _assert_holds(classifier, full)


def test_weights_that_cannot_be_had_say_where_to_put_them(source: WeightsSource, server: tuple[Path, str]) -> None:
    (server[0] / source.file_name).unlink()
    with pytest.raises(WeightsError) as caught:
        list(load_weights(_imagenet()))
    assert "404" in caught.value.detail
    assert source.url in caught.value.hint
    assert str(source.own_path) in caught.value.hint


def test_a_damaged_file_is_not_loaded(source: WeightsSource) -> None:
    list(fetch_imagenet(NAME, lambda: False))
    data = bytearray(source.own_path.read_bytes())
    data[len(data) // 2] ^= 1
    source.own_path.write_bytes(data)
    with pytest.raises(WeightsError, match="damaged"):
        list(load_weights(_imagenet()))


def test_a_stop_ends_the_download(source: WeightsSource) -> None:
    with pytest.raises(Stopped):
        list(load_weights(_imagenet(), lambda: True))
    assert not source.own_path.exists()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_published_file_names_its_digest(name: str) -> None:
    found = imagenet_source(name)
    assert found.url.startswith("https://download.pytorch.org/models/")
    assert re.fullmatch(r"[0-9a-f]{8,}", found.sha256_prefix)
    assert found.own_path.name == found.url.rpartition("/")[2]


def test_a_skeleton_holds_no_weights() -> None:
    assert all(parameter.is_meta for parameter in skeleton("vgg19", 1000, 224).parameters())
