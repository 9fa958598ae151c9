"""Finding a network's state dict in the content of a file, by comparison with the network's tensor names.

Training programs save state dicts under many keys, among other data, and with prefixes that wrappers add.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from cnn_tui.engine.models.state_dict_compat import current_name
from cnn_tui.engine.models.weights import read_content
from cnn_tui.errors import WeightsError

_MAX_DEPTH = 4
_SHOWN = 3
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
_COUNTER = "n_averaged"  # of torch.optim.swa_utils.AveragedModel
_AVERAGED = re.compile(r"(?:^|[^a-z])(?:ema|swa|avg|average|averaged|shadow)(?:$|[^a-z])")


@dataclass(frozen=True)
class FoundState:
    """Tensors by the network's names for them.

    Attributes:
        notes: how they were found, as text; empty if the file is a plain state dict.
        alternatives: other state dicts in the file that match as well.
    """

    state: dict[str, Tensor]
    notes: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    """Tensors under a prefix in a mapping of the file.

    Attributes:
        where: the keys that lead to the mapping.
        tensors: of the whole mapping, by full name.
        unwrapped: whether parts that wrappers add were removed from the middle of the names.
        matched: the number of names that are the network's after the prefix.
    """

    where: tuple[str, ...]
    prefix: str
    tensors: dict[str, Tensor]
    unwrapped: bool
    matched: int

    @property
    def averaged(self) -> bool:
        """Whether its name says that it is a moving average of the weights."""
        return _AVERAGED.search(".".join((*self.where, self.prefix)).lower()) is not None

    @property
    def title(self) -> str:
        """A description of where it is."""
        where = [repr(".".join(self.where))] if self.where else []
        return " ".join([*where, f"prefix {self.prefix!r}"] if self.prefix else where or ["the outermost names"])


def read_state(path: Path, names: Collection[str]) -> FoundState:
    """The state dict of a network in a file, on the CPU. Code in the file is never executed.

    Args:
        names: of the network's tensors.

    Raises:
        WeightsError: the file is missing, unreadable or has no named tensors.
    """
    candidates = [
        candidate
        for where, mapping in _mappings(read_content(path))
        for candidate in _candidates(where, mapping, frozenset(names))
    ]
    if not candidates:
        raise WeightsError(
            "The weights file contains no state dict",
            f"{path}: a mapping from names to tensors is expected, alone or in a checkpoint.",
            "Save it again with torch.save(model.state_dict(), path).",
        )
    return _found(*_choose(candidates))


def _mappings(content: Any, where: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every mapping in a file that is reached through string keys, outermost first."""
    if not isinstance(content, Mapping) or len(where) > _MAX_DEPTH:
        return
    named = {name: value for name, value in content.items() if isinstance(name, str)}
    yield where, named
    for name, value in named.items():
        yield from _mappings(value, (*where, name))


def _candidates(where: tuple[str, ...], mapping: Mapping[str, Any], names: frozenset[str]) -> list[_Candidate]:
    """The tensors of a mapping under each prefix after which most names match; without one, as they are."""
    tensors = {_unwrapped(name, names): value for name, value in mapping.items() if isinstance(value, Tensor)}
    if not tensors:
        return []
    unwrapped = not tensors.keys() <= mapping.keys()
    matched = Counter(prefix for name in tensors for prefix in _prefixes(current_name(name), names))
    enough = min(len(names), len(tensors)) / 2
    found = [
        _Candidate(where, prefix, tensors, unwrapped, count) for prefix, count in matched.items() if count >= enough
    ]
    return found or [_Candidate(where, "", tensors, unwrapped, 0)]


def _prefixes(name: str, names: frozenset[str]) -> Iterator[str]:
    """The prefixes without which a name is one of the network's."""
    at = 0
    while True:
        if name[at:] in names:
            yield name[:at]
        at = name.find(".", at) + 1
        if not at:
            return


def _unwrapped(name: str, names: frozenset[str]) -> str:
    """A name without parts that wrappers insert, such as ``module`` in ``features.module.0.weight``."""
    if next(_prefixes(current_name(name), names), None) is not None:
        return name
    parts = name.split(".")
    first = next((index for index, part in enumerate(parts) if part not in _WRAPPERS), len(parts))
    return ".".join((*parts[:first], *(part for part in parts[first:] if part not in _WRAPPERS)))


def _choose(candidates: list[_Candidate]) -> tuple[_Candidate, list[_Candidate]]:
    """The best candidate, and the alternatives. Plain weights are preferred to a moving average."""
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
    """Whether a name belongs to another candidate, whose prefix extends this one."""
    return any(name.startswith(other) for other in elsewhere if len(other) > len(prefix))


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(map(repr, names[:_SHOWN])) + (f" and {more:,} more" if more > 0 else "")
