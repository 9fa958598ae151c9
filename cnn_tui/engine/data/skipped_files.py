"""Files in an image folder that are not used: how many of each kind, why, and a few examples."""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from cnn_tui.catalog.image_files import missing_reader
from cnn_tui.events import WarningRaised
from cnn_tui.formatting import display

_MAX_EXAMPLES = 3
_MAX_KINDS = 8


class _Name(NamedTuple):
    """The name of a kind of files, in singular and plural."""

    one: str
    many: str

    @classmethod
    def same(cls, words: str) -> Self:
        """A name that is the same in singular and plural."""
        return cls(words, words)


@dataclass
class _Kind:
    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass
class SkippedFiles:
    """Counts of unused files by kind, without hidden and system files."""

    kinds: dict[_Name, _Kind] = field(default_factory=dict)

    def add_file(self, path: str, ending: str) -> None:
        """Count a file that is not an image, or of a format that cannot be read here."""
        remedy = missing_reader(ending)
        self._add(_Name.same((ending or "without an ending") + (f" ({remedy})" if remedy else "")), path)

    def add_link(self, path: str) -> None:
        """Count an entry that is neither a file nor a folder."""
        self._add(_Name("link that leads nowhere", "links that lead nowhere"), path)

    def add_outside(self, path: str) -> None:
        """Count an image that is in no class's folder."""
        self._add(_Name.same("outside the folders of classes"), path)

    def words(self, root: str) -> str:
        """One line of text, the most frequent kinds first, with paths relative to ``root``; empty if there are none."""
        ordered = sorted(self.kinds.items(), key=lambda item: -item[1].count)
        parts = [_words(name, kind, root) for name, kind in ordered[:_MAX_KINDS]]
        rest = sum(kind.count for _, kind in ordered[_MAX_KINDS:])
        return "; ".join(parts + ([f"{rest:,} of other kinds"] if rest else []))

    def warning(self, root: str) -> WarningRaised | None:
        """A warning that lists them, None if there are none."""
        count = sum(kind.count for kind in self.kinds.values())
        if not count:
            return None
        title = "1 file was skipped" if count == 1 else f"{count:,} files were skipped"
        return WarningRaised(title=title, detail=self.words(root))

    def _add(self, name: _Name, path: str) -> None:
        kind = self.kinds.setdefault(name, _Kind())
        kind.count += 1
        bisect.insort(kind.examples, path)  # keep the first by name, whatever order the system lists them in
        del kind.examples[_MAX_EXAMPLES:]


def _words(name: _Name, kind: _Kind, root: str) -> str:
    more = ", …" if kind.count > len(kind.examples) else ""
    examples = ", ".join(display(path.removeprefix(root).lstrip("/\\")) for path in kind.examples)
    return f"{kind.count:,} {name.one if kind.count == 1 else name.many}: {examples}{more}"
