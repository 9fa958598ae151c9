"""Building torchvision networks for training on other classes.

A network is built on the meta device, which takes milliseconds and is enough to count its weights; :func:`load_weights`
then fills them in, from the seed, a file or torchvision's server.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Generator, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnn_tui.config.experiment import ModelConfig
from cnn_tui.engine.cache_slot import CacheSlot, file_stamp
from cnn_tui.engine.control import ShouldStop, never
from cnn_tui.engine.models.heads import batch_norms, freeze, last_layer, new_last_layer, set_train_mode
from cnn_tui.engine.models.skeleton import AUXILIARY_WEIGHTS, construct, constructor_options, skeleton
from cnn_tui.engine.models.state_dict import read_state
from cnn_tui.engine.models.state_dict_compat import CompatibleState, make_compatible, require_matching
from cnn_tui.engine.models.stochastic import Randomness, seed_stochastic
from cnn_tui.engine.models.weights import (
    Triple,
    fetch_imagenet,
    imagenet_normalisation,
    user_weights_file,
    weights_available,
)
from cnn_tui.events import Event, Parameters, Phase, WarningRaised

_AUXILIARY_SIZES = {"googlenet": 15, "inception_v3": 299}
_INITIAL_STD = {"googlenet": 0.01, "inception_v3": 0.1}


@dataclass
class Classifier:
    """A network in training: which parts change, and in which mode each part runs.

    Attributes:
        network: maps normalised images, float (N, 3, image_size, image_size), to logits (N, classes).
        randomness: the generators of its dropout and stochastic depth.
        mean: of each channel of the images that the weights were trained on, from 0 to 1; None for random weights,
            which use that of the data. ``std`` likewise.
        last_layer_is_new: whether the last layer is initialised from the seed and the rest is not.
        origin: identifies its frozen weights: equal origins mean equal weights. None before they are loaded.
    """

    config: ModelConfig
    network: nn.Module
    classes: int
    image_size: int
    seed: int
    randomness: Randomness
    mean: Triple | None
    std: Triple | None
    last_layer_is_new: bool = False
    origin: Hashable = None

    def train_mode(self) -> None:
        """Put the head into train mode, and the backbone only if it is trained."""
        set_train_mode(self.network, self.config.trainable, self.config.batch_norm)

    def eval_mode(self) -> None:
        """Put everything into eval mode."""
        self.network.eval()

    def training_outputs(self, images: Tensor) -> tuple[Tensor, tuple[tuple[Tensor, float], ...]]:
        """The logits, and those of auxiliary heads with the weight that each has in the loss."""
        # Calls forward directly, because the hook of build() drops the auxiliary logits.
        outputs = self.network.forward(images)
        if isinstance(outputs, Tensor):
            return outputs, ()
        weight = AUXILIARY_WEIGHTS[self.config.architecture]
        return outputs[0], tuple((logits, weight) for logits in outputs[1:])

    @property
    def torchvision_call(self) -> str:
        """The call that makes the same network without this program."""
        auxiliary, imagenet_input = _uses_auxiliary(self.config, self.image_size), self.config.weights != "random"
        options = constructor_options(self.config.architecture, self.image_size, auxiliary, imagenet_input)
        arguments = (f"{name}={value!r}" for name, value in {"num_classes": self.classes, **options}.items())
        return f"torchvision.models.{self.config.architecture}({', '.join(arguments)})"

    def trainable_parameters(self) -> tuple[nn.Parameter, ...]:
        """The weights that training changes."""
        return tuple(parameter for parameter in self.network.parameters() if parameter.requires_grad)

    def parameter_counts(self) -> Parameters:
        """The number of weights, and of those that training changes."""
        total = sum(parameter.numel() for parameter in self.network.parameters())
        return Parameters(total=total, trainable=sum(parameter.numel() for parameter in self.trainable_parameters()))

    def trained_state(self) -> dict[str, Tensor]:
        """What training changes, by its name in the network's state dict; the tensors themselves, not copies."""
        state: dict[str, Tensor] = self.network.state_dict()
        if self.config.trainable == "all":
            return state
        changing = {name for name, parameter in self.network.named_parameters() if parameter.requires_grad}
        if self.config.batch_norm == "adapt":
            layers = batch_norms(self.network).items()
            changing |= {f"{name}.{buffer}" for name, layer in layers for buffer, _ in layer.named_buffers()}
        return {name: tensor for name, tensor in state.items() if name in changing}

    def copied_state(self) -> dict[str, Tensor]:
        """A copy of :meth:`trained_state`."""
        return {name: tensor.detach().clone() for name, tensor in self.trained_state().items()}

    def initial_state(self, seed: int) -> dict[str, Tensor]:
        """The initial values, for another seed, of what training changes; call it before training."""
        state = self.copied_state()
        if self.last_layer_is_new:
            fresh = _new_last_layer(self.network, seed)
            state |= {name: fresh[name].to(tensor.device) for name, tensor in state.items() if name in fresh}
        return state

    def load_trained(self, state: Mapping[str, Tensor], origin: str) -> None:
        """Load what a run saved from :meth:`trained_state`.

        With ``trainable`` "all" that is everything, and :func:`load_weights` is not needed first.

        Args:
            origin: where the tensors come from, for messages.

        Raises:
            WeightsError: they are not those of this model.
        """
        require_matching(state, self.trained_state(), origin)
        self.fill(state)

    def fill(self, state: Mapping[str, Tensor]) -> None:
        """Load tensors of matching names and shapes: all of them if the network is still on the meta device."""
        # torchvision's MNASNet needs the metadata (versions) that only a mapping from state_dict() has.
        whole = self.network.state_dict()
        # Meta tensors have to be replaced; others are copied into, so that an optimizer's references stay valid.
        empty = any(tensor.is_meta for tensor in whole.values())
        whole.update(state)
        self.network.load_state_dict(whole, assign=empty)


def build(config: ModelConfig, classes: int, image_size: int, seed: int) -> Classifier:
    """A classifier for ``classes`` classes, without weights."""
    pretrained, auxiliary = config.weights != "random", _uses_auxiliary(config, image_size)
    network = skeleton(config.architecture, classes, image_size, auxiliary=auxiliary, imagenet_input=pretrained)
    if auxiliary:
        network.register_forward_hook(_logits_only)
    randomness = Randomness(seed)
    seed_stochastic(network, randomness)
    freeze(network, config.trainable)
    mean, std = imagenet_normalisation(config.architecture) if pretrained else (None, None)
    return Classifier(config, network, classes, image_size, seed, randomness, mean, std)


def load_weights(
    classifier: Classifier, should_stop: ShouldStop = never, cache: CacheSlot[CompatibleState] | None = None
) -> Iterator[Event]:
    """Load the weights that the classifier's configuration names.

    The last layer is initialised from the seed; that of the user's own file is kept if it has the same classes. A file
    in the cache is not read again if it has not changed.

    Raises:
        WeightsError: they are not available, damaged or of another model.
        Stopped: ``should_stop`` returned True.
    """
    cache = cache or CacheSlot()
    config, classifier.origin = classifier.config, _origin(classifier)
    loaded = cache.get(classifier.origin)
    if loaded is None:
        loaded = yield from _read_weights(classifier, should_stop)
    changing: Collection[str] = ()
    if config.trainable != "all":
        cache.put(classifier.origin, loaded)
        changing = classifier.trained_state().keys()
    # Frozen tensors are shared with the next run through the cache; those that training changes are copied.
    state = {name: value.clone() if name in changing else value for name, value in loaded.state.items()}
    if config.weights == "imagenet" or loaded.last_layer_mismatch:
        classifier.last_layer_is_new = True
        state |= _new_last_layer(classifier.network, classifier.seed)
    classifier.fill(state)
    if config.weights not in ("imagenet", "random"):
        yield from _report_own_file(loaded, user_weights_file(config.weights))


def _origin(classifier: Classifier) -> Hashable:
    """Everything that decides a classifier's weights, except those of a new last layer."""
    config = classifier.config
    if config.weights == "random":
        stamp, seed = None, classifier.seed
    else:
        path = (
            weights_available(config.architecture)
            if config.weights == "imagenet"
            else user_weights_file(config.weights)
        )
        stamp, seed = path and file_stamp(path), 0
    return config, classifier.classes, classifier.image_size, seed, stamp


def _read_weights(classifier: Classifier, should_stop: ShouldStop) -> Generator[Event, None, CompatibleState]:
    config = classifier.config
    if config.weights == "random":
        return CompatibleState(_random_state(classifier), "")
    if config.weights == "imagenet":
        path = yield from fetch_imagenet(config.architecture, should_stop)
    else:
        path = user_weights_file(config.weights)
    yield Phase(name="loading", detail=f"weights from {path.name}")
    found = read_state(path, classifier.network.state_dict().keys())
    loaded = make_compatible(found.state, classifier.network, str(path))
    return replace(loaded, notes=found.notes, alternatives=found.alternatives)


def _report_own_file(loaded: CompatibleState, path: Path) -> Iterator[Event]:
    """What was read from the user's own file, and warnings about it."""
    if loaded.notes:
        yield Phase(name="loading", detail=f"weights from {path.name}: {', '.join(loaded.notes)}")
    if loaded.alternatives:
        taken = loaded.notes[0] if loaded.notes else "read as it is"
        yield WarningRaised(
            title="The weights file contains several models",
            detail=f"{path}: {taken}; ignored: {', '.join(loaded.alternatives)}.",
            hint="To use another one, save it to a file of its own.",
        )
    if loaded.last_layer_mismatch:
        yield WarningRaised(
            title="The last layer starts from random weights", detail=f"{path}: {loaded.last_layer_mismatch}."
        )


def _new_last_layer(network: nn.Module, seed: int) -> dict[str, Tensor]:
    name, _ = last_layer(network)
    with _seeded(seed):
        fresh = new_last_layer(network).state_dict()
    return {f"{name}.{key}": tensor for key, tensor in fresh.items()}


def _random_state(classifier: Classifier) -> dict[str, Tensor]:
    config, size = classifier.config, classifier.image_size
    with _seeded(classifier.seed):
        network = construct(config.architecture, classifier.classes, size, _uses_auxiliary(config, size), False)
        if config.architecture in _INITIAL_STD:
            _draw_normal(network, _INITIAL_STD[config.architecture])
    state: dict[str, Tensor] = network.state_dict()
    return state


def _draw_normal(network: nn.Module, std: float) -> None:
    """Initial weights of GoogLeNet and Inception.

    torchvision truncates this normal distribution at 20 or more standard deviations, which takes twenty times as long
    and changes nothing.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, std=getattr(module, "stddev", std))


def _uses_auxiliary(config: ModelConfig, image_size: int) -> bool:
    from_scratch = config.weights == "random" and config.trainable == "all"
    return from_scratch and image_size >= _AUXILIARY_SIZES.get(config.architecture, image_size + 1)


def _logits_only(_network: nn.Module, _inputs: tuple[Any, ...], outputs: Any) -> Tensor:
    logits: Tensor = outputs if isinstance(outputs, Tensor) else outputs[0]
    return logits


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the global CPU generator, which torch.nn.init draws from, and restore its state afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
