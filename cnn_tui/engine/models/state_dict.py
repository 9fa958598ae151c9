"""Finding a network's tensors in what a file holds, by comparison with the network's own names.

Training programs save state dicts under many names, beside other things, and with prefixes that their wrappers add.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from cnn_tui.engine.models.state_dict_compat import present_name
from cnn_tui.engine.models.weights_file import read_content
from cnn_tui.errors import WeightsError

_DEEPEST = 4
_SHOWN = 3
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
_COUNTER = "n_averaged"  # of torch.optim.swa_utils.AveragedModel
_AVERAGED = re.compile(r"(?:^|[^a-z])(?:ema|swa|avg|average|averaged|shadow)(?:$|[^a-z])")


@dataclass(frozen=True)
class FoundState:
    """Tensors by the names that the network has for them.

    Attributes:
        notes: what was done to find them, in words; empty where the file is a state dict as it is.
        passed_over: other sets of tensors in the file that would have done as well.
    """

    state: dict[str, Tensor]
    notes: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    """Tensors under a prefix in a mapping of the file.

    Attributes:
        where: the keys that lead to the mapping.
        tensors: those of the whole mapping, by their full names.
        unwrapped: whether parts of wrappers were taken out of the middle of these names.
        matched: how many of them have the name of one of the network's after the prefix.
    """

    where: tuple[str, ...]
    prefix: str
    tensors: dict[str, Tensor]
    unwrapped: bool
    matched: int

    @property
    def averaged(self) -> bool:
        """Whether it calls itself a moving average of the weights."""
        return _AVERAGED.search(".".join((*self.where, self.prefix)).lower()) is not None

    @property
    def title(self) -> str:
        """Where it is, in words."""
        where = [repr(".".join(self.where))] if self.where else []
        return " ".join([*where, f"prefix {self.prefix!r}"] if self.prefix else where or ["the outermost names"])


def read_state(path: Path, names: Collection[str]) -> FoundState:
    """The tensors of a file that are a network's, on the CPU. Nothing in the file is executed.

    Args:
        names: the network's own names of its tensors.

    Raises:
        WeightsError: the file is missing, unreadable or holds no tensors by name.
    """
    candidates = [
        candidate
        for where, mapping in _mappings(read_content(path))
        for candidate in _candidates(where, mapping, frozenset(names))
    ]
    if not candidates:
        raise WeightsError(
            "The weights file holds no state dict",
            f"{path}: a mapping from names to tensors is expected, alone or in a checkpoint.",
            "Save it anew with torch.save(model.state_dict(), path).",
        )
    return _found(*_choose(candidates))


def _mappings(content: Any, where: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every mapping in a file that is reached by names, from the outside in."""
    if not isinstance(content, Mapping) or len(where) > _DEEPEST:
        return
    named = {name: value for name, value in content.items() if isinstance(name, str)}
    yield where, named
    for name, value in named.items():
        yield from _mappings(value, (*where, name))


def _candidates(where: tuple[str, ...], mapping: Mapping[str, Any], names: frozenset[str]) -> list[_Candidate]:
    """The tensors of a mapping under each prefix that makes most of them the network's; else as they are."""
    tensors = {_unwrapped(name, names): value for name, value in mapping.items() if isinstance(value, Tensor)}
    if not tensors:
        return []
    unwrapped = not tensors.keys() <= mapping.keys()
    matched = Counter(prefix for name in tensors for prefix in _prefixes(present_name(name), names))
    enough = min(len(names), len(tensors)) / 2
    found = [
        _Candidate(where, prefix, tensors, unwrapped, count) for prefix, count in matched.items() if count >= enough
    ]
    return found or [_Candidate(where, "", tensors, unwrapped, 0)]


def _prefixes(name: str, names: frozenset[str]) -> Iterator[str]:
    """What can be left out at the beginning of a name to get one of the network's."""
    at = 0
    while True:
        if name[at:] in names:
            yield name[:at]
        at = name.find(".", at) + 1
        if not at:
            return


def _unwrapped(name: str, names: frozenset[str]) -> str:
    """A name without the parts that wrappers put into its middle, such as ``features.module.0.weight``."""
    if next(_prefixes(present_name(name), names), None) is not None:
        return name
    parts = name.split(".")
    first = next((place for place, part in enumerate(parts) if part not in _WRAPPERS), len(parts))
    return ".".join((*parts[:first], *(part for part in parts[first:] if part not in _WRAPPERS)))


def _choose(candidates: list[_Candidate]) -> tuple[_Candidate, list[_Candidate]]:
    """The best candidate, and others as good. A moving average comes after the plain weights."""
    best = max(candidate.matched for candidate in candidates)
    if not best:
        return max(candidates, key=lambda candidate: len(candidate.tensors)), []
    alike = [candidate for candidate in candidates if candidate.matched > best / 2]
    chosen, *others = sorted(alike, key=lambda candidate: (candidate.averaged, -candidate.matched))
    return chosen, others


def _found(chosen: _Candidate, others: list[_Candidate]) -> FoundState:
    elsewhere = tuple(other.prefix for other in others if other.where == chosen.where and other.prefix)
    state, left = {}, []
    for name, tensor in chosen.tensors.items():
        inside = name.startswith(chosen.prefix) and name.rpartition(".")[2] != _COUNTER
        if inside and not (elsewhere and _belongs(name, chosen.prefix, elsewhere)):
            state[name.removeprefix(chosen.prefix)] = tensor
        elif not (elsewhere and name.startswith(elsewhere)):
            left.append(name)
    notes = [f"read from {'.'.join(chosen.where)!r}"] if chosen.where else []
    notes += [f"prefix {chosen.prefix!r} removed"] if chosen.prefix else []
    notes += ["parts of wrappers removed from the names"] if chosen.unwrapped else []
    notes += [f"{_listed(left)} left out"] if left else []
    return FoundState(state, tuple(notes), tuple(other.title for other in others))


def _belongs(name: str, prefix: str, elsewhere: tuple[str, ...]) -> bool:
    """Whether a name is of one of the other candidates, whose prefix goes on where this one ends."""
    return any(name.startswith(other) for other in elsewhere if len(other) > len(prefix))


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(map(repr, names[:_SHOWN])) + (f" and {more:,} more" if more > 0 else "")
