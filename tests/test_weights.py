"""Weights from files and from a server: what is taken, what is refused, and in which words."""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import http.server
import io
import pickle
import re
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.overrides import TorchFunctionMode

from cnn_tui.catalog.models import ARCHITECTURES
from cnn_tui.config.experiment import ModelConfig
from cnn_tui.engine.cache_slot import CacheSlot
from cnn_tui.engine.control import Stopped
from cnn_tui.engine.models import weights
from cnn_tui.engine.models.build import Classifier, build, load_weights
from cnn_tui.engine.models.heads import last_layer
from cnn_tui.engine.models.skeleton import skeleton
from cnn_tui.engine.models.state_dict import read_state
from cnn_tui.engine.models.state_dict_compat import CompatibleState
from cnn_tui.engine.models.weights import WeightsSource, fetch_imagenet, imagenet_source, weights_available
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


def _constants(name: str, classes: int) -> State:
    """A state dict whose tensors are of one number each, and another than every other's: it takes no space."""
    shapes = build(_config(architecture=name), classes, 32, 0).network.state_dict().items()
    return {
        key: torch.tensor(number, dtype=tensor.dtype).expand(tensor.shape)
        for number, (key, tensor) in enumerate(shapes)
    }


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


def _prefixed(prefix: str, state: State) -> State:
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


def _told(events: list[Event]) -> str:
    """What was said of how the weights were found."""
    phases = [event.detail for event in events if isinstance(event, Phase)]
    return phases[1].partition(": ")[2] if len(phases) > 1 else ""


def _layouts(full: State) -> dict[str, tuple[Any, str]]:
    """What training programs save, and what is to be said of it."""
    counter = torch.tensor(3)
    momentum = {"state": {0: {"momentum_buffer": torch.ones(2)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    checkpoint = {"epoch": 3, "arch": NAME, "loss": 0.5, "optimizer_state_dict": momentum}
    beside = {"args": argparse.Namespace(lr=0.1, out=Path("runs")), "best": np.float64(0.5), "rng": np.arange(3)}
    lightning = _prefixed("model.", full) | {"criterion.weight": torch.ones(5), "accuracy.total": counter}
    return {
        "plain": (full, ""),
        "PyTorch's tutorial": ({"model_state_dict": full} | checkpoint, "read from 'model_state_dict'"),
        "state_dict": ({"state_dict": full} | checkpoint, "read from 'state_dict'"),
        "model": ({"model": full} | beside, "read from 'model'"),
        "net": ({"net": full, "acc": 93.1}, "read from 'net'"),
        "ema": ({"ema": full, "step": 7}, "read from 'ema'"),
        "params": ({"params": full}, "read from 'params'"),
        "weights": ({"weights": full}, "read from 'weights'"),
        "nested": ({"trainer": {"model": full}}, "read from 'trainer.model'"),
        "AveragedModel": (
            _prefixed("module.", full) | {"n_averaged": counter},
            "prefix 'module.' removed, 'n_averaged' left out",
        ),
        "Lightning": (
            {"state_dict": lightning, "hyper_parameters": {"lr": 0.1}} | checkpoint,
            "read from 'state_dict', prefix 'model.' removed, 'criterion.weight', 'accuracy.total' left out",
        ),
        "Lightning with AveragedModel": (
            {"state_dict": _prefixed("model.module.", full) | {"model.n_averaged": counter}},
            "read from 'state_dict', prefix 'model.module.' removed, 'model.n_averaged' left out",
        ),
        "flat with facts": (full | {"epoch": 3}, ""),
    }


@pytest.mark.parametrize("layout", list(_layouts({})))
def test_what_training_programs_save_is_read_and_what_was_done_is_said(
    layout: str, full: State, tmp_path: Path
) -> None:
    content, said = _layouts(full)[layout]
    classifier, events = _load(_saved(content, tmp_path / "weights.pth"), classes=1000)
    _assert_holds(classifier, full)
    assert torch.equal(classifier.network.get_parameter("fc.weight"), full["fc.weight"])
    assert _told(events) == said
    assert not [event for event in events if isinstance(event, WarningRaised)]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "prefix", ["model.", "net.", "backbone.", "module.", "encoder.", "_orig_mod.", "module._orig_mod.", "a.b.c.", "0."]
)
def test_a_prefix_that_all_names_have_is_removed(prefix: str, zipped: bool, full: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(_prefixed(prefix, full), path, _use_new_zipfile_serialization=zipped)
    classifier, events = _load(path)
    _assert_holds(classifier, full)
    assert _told(events) == f"prefix {prefix!r} removed"


def test_a_part_that_a_wrapper_put_into_the_middle_of_names_is_removed(tmp_path: Path) -> None:
    state = _state("squeezenet1_1", classes=5)
    wrapped = {name.replace("features.", "features.module."): tensor for name, tensor in state.items()}
    classifier, events = _load(_saved({"state_dict": wrapped}, tmp_path / "a.pth"), architecture="squeezenet1_1")
    _assert_holds(classifier, state)
    assert _told(events) == "read from 'state_dict', parts of wrappers removed from the names"


def test_the_backbone_of_a_larger_model_is_read(full: State, tmp_path: Path) -> None:
    body = {name: tensor for name, tensor in full.items() if not name.startswith("fc.")}
    content = _prefixed("backbone.body.", body) | {f"head.{number}": torch.ones(2) for number in range(5)}
    classifier, events = _load(_saved(content, tmp_path / "weights.pth"))
    _assert_holds(classifier, full)
    left = "'head.0', 'head.1', 'head.2' and 2 more left out"
    assert _told(events) == f"prefix 'backbone.body.' removed, {left}"
    assert isinstance(events[-1], WarningRaised)
    assert "fc.weight is missing" in events[-1].detail


def test_a_last_layer_that_was_replaced_by_several_begins_anew(full: State, tmp_path: Path) -> None:
    body = {name: tensor for name, tensor in full.items() if not name.startswith("fc.")}
    replaced = body | {"fc.1.weight": torch.ones(5, 1024), "fc.1.bias": torch.ones(5)}
    classifier, events = _load(_saved(replaced, tmp_path / "weights.pth"))
    _assert_holds(classifier, full)
    assert isinstance(events[-1], WarningRaised)
    assert "fc.1.weight is not in this model" in events[-1].detail


@pytest.mark.parametrize("inside", [False, True])
def test_the_plain_weights_come_before_their_moving_average_and_that_is_said(
    inside: bool, full: State, tmp_path: Path
) -> None:
    average = {name: torch.zeros_like(tensor) for name, tensor in full.items()}
    content: dict[str, Any] = {
        "model_ema": _prefixed("module.", average) | {"n_averaged": torch.tensor(1)},
        "model": full,
    }
    if inside:
        content = {"state_dict": _prefixed("ema_model.", average) | _prefixed("model.", full)}
    classifier, events = _load(_saved(content, tmp_path / "weights.pth"))
    _assert_holds(classifier, full)
    (several, _) = [event for event in events if isinstance(event, WarningRaised)]
    assert "several models" in several.title
    assert "ignored: 'state_dict' prefix 'ema_model.'" in several.detail or "'model_ema'" in several.detail
    assert "left out" not in _told(events)


def test_what_was_done_is_said_again_where_the_file_is_still_in_memory(full: State, tmp_path: Path) -> None:
    path, memory = _saved({"net": full}, tmp_path / "weights.pth"), CacheSlot[CompatibleState]()
    for _ in range(2):
        classifier = build(_config(weights=str(path), trainable="last_layer"), 1000, 32, 0)
        last = list(load_weights(classifier, cache=memory))[-1]
        assert isinstance(last, Phase)
        assert last.detail.endswith("read from 'net'")


@pytest.mark.parametrize("named", ["weights.pth", "weights.safetensors", "weights"])
def test_the_content_tells_the_format_and_not_the_name(named: str, full: State, tmp_path: Path) -> None:
    path = tmp_path / named
    for write in (safetensors.torch.save_file, torch.save):
        write(full, path)
        classifier, _ = _load(path)
        _assert_holds(classifier, full)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_kinds_of_numbers_become_single_precision(kind: torch.dtype, full: State, tmp_path: Path) -> None:
    other = {name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in full.items()}
    classifier, _ = _load(_saved(other, tmp_path / "weights.pth"))
    assert all(parameter.dtype == torch.float32 for parameter in classifier.network.parameters())
    _assert_holds(classifier, {name: tensor.to(full[name].dtype) for name, tensor in other.items()})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_that_are_no_numbers_are_refused_with_how_many_and_where(
    value: float, full: State, tmp_path: Path
) -> None:
    broken = {name: tensor.clone() for name, tensor in full.items()}
    for name in ("conv1.0.weight", "stage2.0.branch1.0.weight"):
        broken[name].view(-1)[0] = value
    error = _refused(_saved({"model": broken}, tmp_path / "weights.pth"))
    assert error.exit_code == 3
    assert "NaN or infinity" in error.title
    assert f"{tmp_path / 'weights.pth'}: 2 of " in error.detail
    assert "the first is conv1.0.weight" in error.detail


def test_finite_weights_whose_sum_is_infinite_are_read(full: State, tmp_path: Path) -> None:
    large = full | {"conv1.0.weight": torch.full((24, 3, 3, 3), 3e38)}
    classifier, _ = _load(_saved(large, tmp_path / "weights.pth"))
    _assert_holds(classifier, large)


def test_a_last_layer_that_is_not_taken_may_hold_anything(full: State, tmp_path: Path) -> None:
    broken = full | {"fc.weight": torch.full((1000, 1024), float("nan"))}
    classifier, _ = _load(_saved(broken, tmp_path / "weights.pth"))
    _assert_holds(classifier, full)


def test_quantised_weights_are_refused(full: State, tmp_path: Path) -> None:
    whole = {name: tensor.to(torch.int8) for name, tensor in full.items()}
    error = _refused(_saved(whole, tmp_path / "weights.pth"))
    assert "conv1.0.weight (int8)" in error.detail


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
    state = _constants(name, classes=5)
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
    state = _constants("vit_b_32", classes=5)  # one patch of 32 pixels
    state["encoder.pos_embedding"] = torch.rand(1, 2, 768)
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
    other = {f"{name}.other": tensor for name, tensor in full.items()}
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


@pytest.mark.parametrize("named", ["~nobody-has-this-name/weights.pth", "a\0b.pth", "x" * 4000])
def test_what_can_be_no_file_is_a_missing_file(named: str) -> None:
    with pytest.raises(WeightsError) as caught:
        list(load_weights(build(_config(weights=named, trainable="last_layer"), 5, 32, 0)))
    assert "does not exist" in caught.value.title


def test_of_a_folder_its_weights_files_are_named(full: State, tmp_path: Path) -> None:
    for name in ("b.safetensors", "a.pth", "notes.txt"):
        (tmp_path / name).touch()
    assert "In it are a.pth, b.safetensors." in _refused(tmp_path).detail


def _zip(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, "hello")
    return content.getvalue()


def _torch_script() -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):  # that there are newer formats
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), content)
    return content.getvalue()


def _pickled(value: Any, zipped: bool = True) -> bytes:
    content = io.BytesIO()
    torch.save(value, content, _use_new_zipfile_serialization=zipped)
    return content.getvalue()


_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
_WRONG: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "empty": (lambda: b"", "It is empty", "Download"),
    "web page": (lambda: b"\n<!DOCTYPE html><html><body>Not found</body></html>", "a web page", "Download"),
    "Git LFS": (lambda: _POINTER, "a Git LFS pointer", "git lfs pull"),
    "archive": (lambda: _zip("weights/a.npy"), "not one of torch.save", "torch.save"),
    "zip cut off": (lambda: _pickled({"a": torch.zeros(100)})[:-200], "damaged or cut off", "Download"),
    "safetensors cut off": (lambda: safetensors.torch.save({"a": torch.zeros(100)})[:-8], "cut off", "Download"),
    "Keras": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5", "torch.save"),
    "text": (lambda: b"hello", "begins with b'hello'", "torch.save"),
    "TorchScript": (_torch_script, "a TorchScript program", "torch.jit.load('weights.pth').state_dict()"),
    "whole model": (lambda: _pickled(torch.nn.Linear(2, 2)), "torch.nn.modules.linear.Linear", "state_dict()"),
    "old whole model": (lambda: _pickled(torch.nn.Linear(2, 2), False), "code in a file is never run", "state_dict()"),
}


@pytest.mark.parametrize("kind", list(_WRONG))
def test_a_file_that_is_no_state_dict_is_told_by_what_it_is(kind: str, tmp_path: Path) -> None:
    make, reason, hint = _WRONG[kind]
    path = tmp_path / "weights.pth"
    path.write_bytes(make())
    error = _refused(path)
    assert error.exit_code == 3
    assert f"{path}: " in error.detail
    assert reason in error.detail
    assert hint in error.hint
    assert "weights_only" not in str(error)


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_numbers_of_older_and_newer_numpy_beside_the_weights_do_no_harm(
    module: str, full: State, tmp_path: Path
) -> None:
    path = _saved({"model": full, "best": np.float64(0.5), "all": np.arange(3)}, tmp_path / "weights.pth")
    other = tmp_path / "other.pth"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry).replace(b"numpy._core.multiarray", module.encode()))
    classifier, _ = _load(other)
    _assert_holds(classifier, full)


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
        assert read_state(path, {"a", "b"}).state


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


class _Called(TorchFunctionMode):
    """Notes the names of PyTorch's functions."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "swin_t", "vit_b_32"])
def test_a_skeleton_draws_no_weights(name: str) -> None:
    with _Called() as called:
        skeleton(name, 10, 224)
    assert "empty" in called.names
    assert not {"normal_", "uniform_", "fill_", "constant_", "kaiming_uniform_"} & called.names
