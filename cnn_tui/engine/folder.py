"""A person's own pictures: what is in the folder, by split and class, before any of it is opened."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import NoReturn

from cnn_tui.engine.decode import EXTENSIONS
from cnn_tui.engine.stopping import ShouldStop, Stopped
from cnn_tui.errors import DataError
from cnn_tui.store.files import reason

_PATH = attrgetter("path")
_ASKED_EVERY = 200  # files
_LAYOUT = "Pictures are looked for in root/train/<class>/ and root/test/<class>/, or in root/<class>/."


@dataclass(frozen=True)
class PictureFiles:
    """The files of one split, class after class and each class by its paths.

    Columns and no object per file: Python's garbage collector would walk through all of those while a large folder is
    listed, which takes as long as asking the system about the files.

    Attributes:
        paths: one of each file.
        labels: one of each file.
        digest: of the paths, sizes in bytes and times of change in nanoseconds: another one when any has changed.
    """

    paths: tuple[str, ...]
    labels: tuple[int, ...]
    digest: bytes


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
    train: PictureFiles
    test: PictureFiles | None

    @property
    def paths(self) -> tuple[str, ...]:
        """The files of both splits, training first."""
        return self.train.paths + (self.test.paths if self.test else ())

    @functools.cached_property
    def identity(self) -> str:
        """A hash of the place, names, sizes and times of all pictures: another one when any of them has changed."""
        digests = self.train.digest + (self.test.digest if self.test else b"")
        return hashlib.sha256(os.fsencode(self.root) + b"\0" + digests).hexdigest()


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
    found = _picture_files(train, classes, should_stop)
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


def _test(folder: Path, classes: list[str], should_stop: ShouldStop) -> PictureFiles:
    unknown = [entry.name for entry in _folders(folder) if entry.name not in classes]
    if unknown:
        raise DataError(
            "A test class is not among the training classes",
            f"{display(folder)} has {_listed(unknown)}; for training there are {_listed(classes)}.",
            "Give the folders of both splits the same names.",
        )
    found = _picture_files(folder, classes, should_stop)
    if not found.paths:
        raise DataError("There are no test pictures", f"No folder in {display(folder)} has any.", _LAYOUT)
    return found


def _require_every_class(folder: Path, classes: list[str], found: PictureFiles) -> None:
    if not found.paths:
        raise DataError("There are no pictures", f"No folder in {display(folder)} has any.", _LAYOUT)
    present = set(found.labels)
    empty = [name for label, name in enumerate(classes) if label not in present]
    if empty:
        raise DataError(
            "A class has no pictures",
            f"In {display(folder)}: {_listed(empty)}.",
            f"Put pictures there ({', '.join(sorted(EXTENSIONS))}) or remove the folder.",
        )


def _picture_files(folder: Path, classes: list[str], should_stop: ShouldStop) -> PictureFiles:
    paths: list[str] = []
    labels: list[int] = []
    digest = hashlib.sha256()
    for label, name in enumerate(classes):
        entries = sorted(_walk(folder / name, should_stop), key=_PATH) if (folder / name).is_dir() else []
        for start in range(0, len(entries), _ASKED_EVERY):
            _ask(should_stop)
            some = list(_with_facts(entries[start : start + _ASKED_EVERY]))
            paths += [path for path, _ in some]
            labels += [label] * len(some)
            digest.update(os.fsencode("".join(f"{path}\0{facts}\n" for path, facts in some)))
    return PictureFiles(tuple(paths), tuple(labels), digest.digest())


def _walk(folder: Path, should_stop: ShouldStop) -> list[os.DirEntry[str]]:
    """The pictures below a class's folder; a folder that links lead back to is visited once."""
    waiting, visited = [folder], set()
    found: list[os.DirEntry[str]] = []
    while waiting:
        _ask(should_stop)
        current = waiting.pop()
        try:
            status = current.stat()
        except OSError as error:
            _unreadable(current, error)
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        entries = _entries(current)
        waiting += [Path(entry.path) for entry in entries if entry.is_dir()]
        found += [entry for entry in entries if _is_picture(entry.name) and entry.is_file()]
    return found


def _ask(should_stop: ShouldStop) -> None:
    if should_stop():
        raise Stopped


def _with_facts(entries: list[os.DirEntry[str]]) -> Iterator[tuple[str, str]]:
    """The paths of files with their size and time, but for those that are gone since their folder was listed."""
    for entry in entries:
        try:
            status = entry.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            _unreadable(Path(entry.path), error)
        yield entry.path, f"{status.st_size} {status.st_mtime_ns}"


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
    raise DataError(f"{display(folder.name)!r} cannot be read", f"{display(folder)}: {reason(error)}.") from error


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:10])
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _printable(names: list[str]) -> tuple[str, ...]:
    """Names as text that can be written to a file: lone surrogates stand for bytes that are none."""
    return tuple(os.fsencode(name).decode("utf-8", "replace") for name in names)
