"""A person's own pictures: what is in the folder, by split and class, before any of it is opened."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple, NoReturn

from cnn_tui.engine.decode import EXTENSIONS
from cnn_tui.engine.stopping import ShouldStop, Stopped
from cnn_tui.errors import DataError
from cnn_tui.store.files import reason

_PATH = attrgetter("path")
_ASKED_EVERY = 200  # files
_LAYOUT = "Pictures are looked for in root/train/<class>/ and root/test/<class>/, or in root/<class>/."


class PictureFile(NamedTuple):
    """One file: its class, and what tells whether it has changed (bytes, nanoseconds since the epoch)."""

    path: str
    label: int
    bytes: int
    modified: int


@dataclass(frozen=True)
class Listing:
    """A folder's pictures in a fixed order.

    Attributes:
        classes: the folders' names in alphabetical order, their place being the label.
        train: the pictures of ``root/train``, or all of them where the folder has no splits.
        test: the pictures of ``root/test``; None where the folder has no splits.
    """

    root: Path
    classes: tuple[str, ...]
    train: tuple[PictureFile, ...]
    test: tuple[PictureFile, ...] | None

    @functools.cached_property
    def files(self) -> tuple[PictureFile, ...]:
        """The pictures of both splits, training first."""
        return self.train + (self.test or ())

    @functools.cached_property
    def identity(self) -> str:
        """A hash of the place, names, sizes and times of all pictures: another one when any of them has changed."""
        facts = "\n".join(f"{file.path}\0{file.bytes} {file.modified}" for file in self.files)
        return hashlib.sha256(os.fsencode(f"{self.root}\0{len(self.train)}\n{facts}")).hexdigest()


def class_names(root: str) -> tuple[str, ...]:
    """The classes of a folder, without looking for their pictures.

    Raises:
        DataError: the folder is missing, or has no two classes.
    """
    return _printable(_classes(_splits(_root(root))[0]))


def scan(root: str, should_stop: ShouldStop) -> Listing:
    """List the pictures of a folder. Hidden files and whatever has no picture's ending are passed over.

    Raises:
        DataError: the folder is missing, its layout is another one, or a class has no pictures.
        Stopped: ``should_stop`` said so; it is asked at every folder and every 200 files.
    """
    base = _root(root)
    train, test = _splits(base)
    classes = _classes(train)
    found = tuple(_pictures(train, classes, should_stop))
    _require_every_class(train, classes, found)
    return Listing(base, _printable(classes), found, None if test is None else _test(test, classes, should_stop))


def display(path: Path | str) -> str:
    """A path as text that can be written anywhere; bytes that are no text become question marks."""
    return os.fsencode(path).decode("utf-8", "replace")


def _root(root: str) -> Path:
    try:
        path = Path(root).expanduser().absolute()
        found = path.is_dir()
    except (RuntimeError, ValueError) as error:
        raise DataError("There is no such folder", f"data.root {root!r}: {error}", _LAYOUT) from error
    if not found:
        title = "data.root is not a folder" if path.exists() else "There is no such folder"
        raise DataError(title, f"data.root {root!r}: {display(path)}", _LAYOUT)
    return path


def _splits(root: Path) -> tuple[Path, Path | None]:
    """The folders that hold the classes for training and, if it is another one, for testing."""
    names = [folder.name for folder in _folders(root)]
    train, test = root / "train", root / "test"
    if "train" in names and "test" in names:
        return train, test
    if names in (["train"], ["test"]):
        lacking = "test" if names == ["train"] else "train"
        raise DataError(f"There is no folder {lacking!r}", f"{display(root)} has only {names[0]!r}.", _LAYOUT)
    return root, None


def _classes(folder: Path) -> list[str]:
    names = [entry.name for entry in _folders(folder)]
    if not names:
        raise DataError("There are no classes", f"{display(folder)} has no folders in it.", _LAYOUT)
    if len(names) == 1:
        raise DataError("There is only one class", f"{display(folder)} has only the folder {names[0]!r}.", _LAYOUT)
    return names


def _test(folder: Path, classes: list[str], should_stop: ShouldStop) -> tuple[PictureFile, ...]:
    unknown = [entry.name for entry in _folders(folder) if entry.name not in classes]
    if unknown:
        raise DataError(
            "A test class is not among the training classes",
            f"{display(folder)} has {_listed(unknown)}; for training there are {_listed(classes)}.",
            "Give the folders of both splits the same names.",
        )
    found = tuple(_pictures(folder, classes, should_stop))
    if not found:
        raise DataError("There are no test pictures", f"No folder in {display(folder)} has any.", _LAYOUT)
    return found


def _require_every_class(folder: Path, classes: list[str], found: tuple[PictureFile, ...]) -> None:
    if not found:
        raise DataError("There are no pictures", f"No folder in {display(folder)} has any.", _LAYOUT)
    present = {file.label for file in found}
    empty = [name for label, name in enumerate(classes) if label not in present]
    if empty:
        raise DataError(
            "A class has no pictures",
            f"In {display(folder)}: {_listed(empty)}.",
            f"Put pictures there ({', '.join(sorted(EXTENSIONS))}) or remove the folder.",
        )


def _pictures(folder: Path, classes: list[str], should_stop: ShouldStop) -> Iterator[PictureFile]:
    for label, name in enumerate(classes):
        if (folder / name).is_dir():
            yield from sorted(_walk(folder / name, label, should_stop), key=_PATH)


def _walk(folder: Path, label: int, should_stop: ShouldStop) -> list[PictureFile]:
    """The pictures below a class's folder; a folder that links lead back to is visited once."""
    waiting, visited = [folder], set()
    found: list[PictureFile] = []
    while waiting:
        current = waiting.pop()
        status = current.stat()
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        entries = _entries(current)
        waiting += [Path(entry.path) for entry in entries if entry.is_dir()]
        for start in range(0, len(entries), _ASKED_EVERY):
            if should_stop():
                raise Stopped
            found += _picture_files(entries[start : start + _ASKED_EVERY], label)
    return found


def _picture_files(entries: Iterable[os.DirEntry[str]], label: int) -> Iterator[PictureFile]:
    for entry in entries:
        if _is_picture(entry.name) and entry.is_file():
            facts = entry.stat()
            yield PictureFile(entry.path, label, facts.st_size, facts.st_mtime_ns)


def _is_picture(name: str) -> bool:
    return name[name.rfind(".") :].lower() in EXTENSIONS


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    return sorted((entry for entry in _entries(folder) if entry.is_dir()), key=lambda entry: entry.name)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder and not hidden."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        _unreadable(folder, error)


def _unreadable(folder: Path, error: OSError) -> NoReturn:
    raise DataError(f"The folder {folder.name!r} cannot be read", f"{display(folder)}: {reason(error)}.") from error


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:10])
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _printable(names: list[str]) -> tuple[str, ...]:
    """Names as text that can be written to a file: lone surrogates stand for bytes that are none."""
    return tuple(os.fsencode(name).decode("utf-8", "replace") for name in names)
