"""What lies in a folder of pictures and is not used: how many files of which kind, why, and a few of them by name."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from cnn_tui.catalog.picture_files import missing_reader
from cnn_tui.events import WarningRaised
from cnn_tui.store.names import display

_MOST_EXAMPLES = 3
_MOST_KINDS = 8


class _Name(NamedTuple):
    """What files of a kind are called, of which there is one or many."""

    one: str
    many: str

    @classmethod
    def same(cls, words: str) -> Self:
        """A name that does not depend on how many there are."""
        return cls(words, words)


@dataclass
class _Kind:
    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass
class PassedOver:
    """Counts of files that are not used, by what they are. Hidden files and clutter are not among them."""

    kinds: dict[_Name, _Kind] = field(default_factory=dict)

    def add_file(self, path: str, ending: str) -> None:
        """A file that is no picture that can be read here."""
        remedy = missing_reader(ending)
        self._add(_Name.same((ending or "without an ending") + (f" ({remedy})" if remedy else "")), path)

    def add_link(self, path: str) -> None:
        """An entry that is neither a file nor a folder."""
        self._add(_Name("link that leads nowhere", "links that lead nowhere"), path)

    def add_outside(self, path: str) -> None:
        """A picture that is in no class's folder."""
        self._add(_Name.same("outside the folders of classes"), path)

    def words(self, root: str) -> str:
        """All of them in one line, the most frequent kinds first, with paths relative to ``root``; empty for none."""
        ordered = sorted(self.kinds.items(), key=lambda item: -item[1].count)
        parts = [_words(name, kind, root) for name, kind in ordered[:_MOST_KINDS]]
        rest = sum(kind.count for _, kind in ordered[_MOST_KINDS:])
        return "; ".join(parts + ([f"{rest:,} of other kinds"] if rest else []))

    def warning(self, root: str) -> WarningRaised | None:
        """All of them as a warning, None where there are none."""
        count = sum(kind.count for kind in self.kinds.values())
        if not count:
            return None
        title = "1 file was passed over" if count == 1 else f"{count:,} files were passed over"
        return WarningRaised(title=title, detail=self.words(root))

    def _add(self, name: _Name, path: str) -> None:
        kind = self.kinds.setdefault(name, _Kind())
        kind.count += 1
        bisect.insort(kind.examples, path)  # the first by name, in whatever order the system lists them
        del kind.examples[_MOST_EXAMPLES:]


def _words(name: _Name, kind: _Kind, root: str) -> str:
    more = ", …" if kind.count > len(kind.examples) else ""
    examples = ", ".join(display(path.removeprefix(root).lstrip("/\\")) for path in kind.examples)
    return f"{kind.count:,} {name.one if kind.count == 1 else name.many}: {examples}{more}"
