"""A person's own pictures: what is in the folder, by split and class, before any of it is opened."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from cnn_tui.catalog.picture_files import HEIF_ENDINGS, ending, readable_endings
from cnn_tui.engine.data.file_hashes import change_mark
from cnn_tui.engine.data.skipped_files import PassedOver
from cnn_tui.engine.stopping import ShouldStop, Stopped
from cnn_tui.errors import DataError
from cnn_tui.events import WarningRaised
from cnn_tui.store.folder_entries import entries, kind, named_folders, own_pictures, raise_unreadable
from cnn_tui.store.folder_layout import LAYOUT_HINT, FolderLayout, read_layout, seen, split_roles
from cnn_tui.store.names import display

_PATH = attrgetter("path")
_ASKED_EVERY = 200  # files


@dataclass(frozen=True)
class PictureFiles:
    """The files of one split, class after class and each class by its paths.

    Columns and no object per file: Python's garbage collector would walk through all of those while a large folder is
    listed, which takes as long as asking the system about the files.

    Attributes:
        paths: one of each file.
        labels: one of each file.
        sizes: bytes of each file.
        digest: of the paths and of what tells whether a file has changed, see :func:`change_mark`.
    """

    paths: tuple[str, ...]
    labels: tuple[int, ...]
    sizes: tuple[int, ...]
    digest: bytes


@dataclass(frozen=True)
class Listing:
    """A folder's pictures in a fixed order.

    Attributes:
        classes: the folders' names in alphabetical order, their place being the label.
        train: the pictures of the training split, or all of them where the folder has no splits.
        validation: None where validation pictures are cut from the training split.
        test: None where test pictures are cut from the training split.
        passed_over: the files that are not used.
        in_every_class: the names of folders that each class's folder has in it, and nothing else.
    """

    layout: FolderLayout
    classes: tuple[str, ...]
    train: PictureFiles
    validation: PictureFiles | None
    test: PictureFiles | None
    passed_over: PassedOver
    in_every_class: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The folder that was named."""
        return self.layout.root

    @property
    def splits(self) -> tuple[PictureFiles, ...]:
        """Those that there are: training, validation, test."""
        return tuple(files for files in (self.train, self.validation, self.test) if files is not None)

    @property
    def paths(self) -> tuple[str, ...]:
        """The files of all splits, one split after the other."""
        return tuple(path for files in self.splits for path in files.paths)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The bytes of all files, in the order of :attr:`paths`."""
        return tuple(size for files in self.splits for size in files.sizes)

    @functools.cached_property
    def identity(self) -> str:
        """A hash of the place, names and facts of all pictures: another one when any of them has changed."""
        digests = b"".join(files.digest for files in self.splits)
        return hashlib.sha256(os.fsencode(self.root) + b"\0" + digests).hexdigest()

    def warnings(self) -> Iterator[WarningRaised]:
        """What a person should know about the folder."""
        passed_over = self.passed_over.warning(str(self.root))
        if passed_over is not None:
            yield passed_over
        if self.in_every_class:
            yield WarningRaised(
                title="The classes may be other folders than these",
                detail=f"The classes are {_listed(self.classes)}, and the pictures of each are in folders of the same "
                f"names: {_listed(self.in_every_class)}.",
                hint="If those are the classes, name the folders around them train, val or test.",
            )


def class_names(root: str) -> tuple[str, ...]:
    """The classes of a folder, without looking for their pictures.

    Raises:
        DataError: the folder is missing, or has no two classes.
    """
    return tuple(display(name) for name in read_layout(root).classes)


def scan(root: str, should_stop: ShouldStop) -> Listing:
    """List the pictures of a folder.

    Raises:
        DataError: the folder is missing, its layout is another one, or a class has no pictures.
        Stopped: ``should_stop`` said so; it is asked at every folder and every 200 files.
    """
    return _Scan(read_layout(root), should_stop).listing()


class _Scan:
    """Lists the pictures of one folder and notes what it passes over."""

    def __init__(self, layout: FolderLayout, should_stop: ShouldStop) -> None:
        self._layout = layout
        self._should_stop = should_stop
        self._labels = {name: label for label, name in enumerate(layout.classes)}
        self._passed_over = PassedOver()
        self._endings = readable_endings()
        self._found_endings: set[str] = set()
        self._in_classes: set[frozenset[str]] = set()

    def listing(self) -> Listing:
        """See :func:`scan`."""
        layout = self._layout
        train = self._files(layout.train)
        self._require_every_class(train)
        inner = self._in_classes.pop() if len(self._in_classes) == 1 else frozenset()
        in_every_class = tuple(sorted(inner)) if len(inner) > 1 else ()
        validation = None if layout.validation is None else self._held_out(layout.validation, "validation")
        test = None if layout.test is None else self._held_out(layout.test, "test")
        classes = tuple(display(name) for name in layout.classes)
        found = Listing(layout, classes, train, validation, test, self._passed_over, in_every_class)
        if not HEIF_ENDINGS.isdisjoint(self._found_endings):
            _register_heif()
        return found

    def _files(self, folder: Path) -> PictureFiles:
        """The pictures of a split, by class."""
        paths: list[str] = []
        labels: list[int] = []
        sizes: list[int] = []
        digest = hashlib.sha256()
        for name in own_pictures(folder):
            self._passed_over.add_outside(str(folder / name))
        for name, folders in named_folders(folder).items():
            found = sorted((entry for own in folders for entry in self._walk(own)), key=_PATH)
            for start in range(0, len(found), _ASKED_EVERY):
                self._ask()
                some = list(_with_facts(found[start : start + _ASKED_EVERY]))
                paths += [path for path, _, _ in some]
                labels += [self._labels[name]] * len(some)
                sizes += [size for _, size, _ in some]
                digest.update(os.fsencode("".join(f"{path}\0{mark}\n" for path, _, mark in some)))
        return PictureFiles(tuple(paths), tuple(labels), tuple(sizes), digest.digest())

    def _walk(self, folder: Path) -> list[os.DirEntry[str]]:
        """The pictures below a class's folder; a folder that links lead back to is visited once."""
        waiting, visited = [folder], set()
        found: list[os.DirEntry[str]] = []
        while waiting:
            self._ask()
            current = waiting.pop()
            try:
                status = current.stat()
            except OSError as error:
                raise_unreadable(current, error)
            if (status.st_dev, status.st_ino) in visited:
                continue
            visited.add((status.st_dev, status.st_ino))
            inner = self._sort_out(current, found)
            if current == folder:
                self._refuse_splits(folder, inner)
                self._in_classes.add(frozenset() if found else frozenset(entry.name for entry in inner))
            waiting += [Path(entry.path) for entry in inner]
        return found

    def _sort_out(self, folder: Path, pictures: list[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
        """Add a folder's pictures to ``pictures`` and note what is passed over; the folders in it."""
        folders = []
        for entry in entries(folder):
            is_a, own = kind(entry), ending(entry.name)
            if is_a == "folder":
                folders.append(entry)
            elif is_a == "nothing":
                self._passed_over.add_link(entry.path)
            elif own in self._endings:
                pictures.append(entry)
                self._found_endings.add(own)
            else:
                self._passed_over.add_file(entry.path, own)
        return folders

    def _ask(self) -> None:
        if self._should_stop():
            raise Stopped

    def _held_out(self, folder: Path, split: str) -> PictureFiles:
        unknown = [name for name in named_folders(folder) if name not in self._labels]
        if unknown:
            raise DataError(
                f"A {split} class is not among the training classes",
                f"{display(folder)} has {_listed(unknown)}; for training there are {_listed(self._layout.classes)}.",
                "Give the folders of all splits the same names.",
            )
        found = self._files(folder)
        if not found.paths:
            raise DataError(f"There are no {split} pictures", self._without_any(folder), LAYOUT_HINT)
        return found

    def _require_every_class(self, train: PictureFiles) -> None:
        folder = self._layout.train
        if not train.paths:
            raise DataError("There are no pictures", self._without_any(folder), LAYOUT_HINT)
        present = set(train.labels)
        empty = [name for label, name in enumerate(self._layout.classes) if label not in present]
        if empty:
            hint = f"Put pictures there ({', '.join(sorted(self._endings))}) or remove the folder."
            if len(present) == 1:
                (label,) = present
                inner = folder / self._layout.classes[label]
                hint += f" If the classes are in {display(inner)}, set data.root to it."
            raise DataError("A class has no pictures", f"In {display(folder)}: {_listed(empty)}.{self._aside()}", hint)

    def _without_any(self, folder: Path) -> str:
        return f"No folder in {display(folder)} has any.{self._aside()}"

    def _aside(self) -> str:
        """What was passed over so far, where a reason is wanted for that there are no pictures."""
        words = self._passed_over.words(str(self._layout.root))
        return f" Passed over: {words}." if words else ""

    def _refuse_splits(self, folder: Path, inner: list[os.DirEntry[str]]) -> None:
        """Refuse a class that is divided into splits itself, whose pictures would all be mixed."""
        roles = split_roles(entry.name for entry in inner)
        if "training" in roles and len(roles) > 1:
            raise DataError(
                "A class is divided into splits",
                seen(folder),
                f"Splits come before classes, not in them. {LAYOUT_HINT}",
            )


def _with_facts(found: list[os.DirEntry[str]]) -> Iterator[tuple[str, int, str]]:
    """Path, size and change mark of files, but for those that are gone since their folder was listed."""
    for entry in found:
        try:
            size, mark = change_mark(entry)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise_unreadable(Path(entry.path), error)
        yield entry.path, size, mark


def _register_heif() -> None:
    """Let Pillow read HEIC through pillow-heif, which takes a moment to load; without it the files are unreadable."""
    with contextlib.suppress(ImportError):
        import pillow_heif

        pillow_heif.register_heif_opener()


def _listed(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(repr(display(name)) for name in names[:10])
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")
