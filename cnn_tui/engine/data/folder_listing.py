"""Listing the user's images in a folder, by split and class, without opening any."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from cnn_tui.catalog.image_files import HEIF_ENDINGS, ending, readable_endings
from cnn_tui.engine.control import ShouldStop, Stopped
from cnn_tui.engine.data.decode import register_heif
from cnn_tui.engine.data.file_hashes import change_mark
from cnn_tui.engine.data.skipped_files import SkippedFiles
from cnn_tui.errors import DataError
from cnn_tui.events import WarningRaised
from cnn_tui.formatting import display
from cnn_tui.store.image_folder import (
    LAYOUT_HINT,
    FolderLayout,
    describe_contents,
    entry_kind,
    image_names,
    list_entries,
    raise_unreadable,
    read_layout,
    split_roles,
    subfolders,
)

_PATH = attrgetter("path")
_STOP_CHECK_INTERVAL = 200  # files


@dataclass(frozen=True)
class ImageFiles:
    """The files of one split, sorted by class and path.

    Stored as columns, not as one object per file: with millions of objects Python's garbage collector takes as long as
    the system calls that list the folder.

    Attributes:
        paths: of each file.
        labels: of each file.
        sizes: of each file, in bytes.
        digest: of the paths and the change marks, see :func:`change_mark`.
    """

    paths: tuple[str, ...]
    labels: tuple[int, ...]
    sizes: tuple[int, ...]
    digest: bytes


@dataclass(frozen=True)
class FolderListing:
    """A folder's images in a fixed order.

    Attributes:
        classes: the names of the folders in alphabetical order; a label is an index into them.
        train: the images of the training split, or all if the folder has no splits.
        validation: None where validation images are taken from the training split.
        test: None where test images are taken from the training split.
        skipped: the files that are not used.
        in_every_class: the names of the subfolders, if all class folders contain the same ones and no images.
    """

    layout: FolderLayout
    classes: tuple[str, ...]
    train: ImageFiles
    validation: ImageFiles | None
    test: ImageFiles | None
    skipped: SkippedFiles
    in_every_class: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The folder itself."""
        return self.layout.root

    @property
    def splits(self) -> tuple[ImageFiles, ...]:
        """The splits that exist, in the order training, validation, test."""
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
        """A hash of the paths, sizes and times of all files, which changes when any of them does."""
        digests = b"".join(files.digest for files in self.splits)
        return hashlib.sha256(os.fsencode(self.root) + b"\0" + digests).hexdigest()

    def warnings(self) -> Iterator[WarningRaised]:
        """Warnings about skipped files and a doubtful layout."""
        skipped = self.skipped.warning(str(self.root))
        if skipped is not None:
            yield skipped
        if self.in_every_class:
            yield WarningRaised(
                title="The classes may be other folders than these",
                detail=f"The classes are {_listed(self.classes)}, and the images of each are in folders of the same "
                f"names: {_listed(self.in_every_class)}.",
                hint="If those are the classes, name the folders around them train, val or test.",
            )


def class_names(root: str) -> tuple[str, ...]:
    """The classes of a folder, without listing their images.

    Raises:
        DataError: the folder is missing, or has fewer than two classes.
    """
    return tuple(display(name) for name in read_layout(root).classes)


def scan(root: str, should_stop: ShouldStop) -> FolderListing:
    """List the images of a folder.

    Raises:
        DataError: the folder is missing, its layout is not supported, or a class has no images.
        Stopped: ``should_stop`` returned True; it is called for every folder and every 200 files.
    """
    return _Scan(read_layout(root), should_stop).listing()


class _Scan:
    """Lists the images of one folder and counts the files that it skips."""

    def __init__(self, layout: FolderLayout, should_stop: ShouldStop) -> None:
        self._layout = layout
        self._should_stop = should_stop
        self._labels = {name: label for label, name in enumerate(layout.classes)}
        self._skipped = SkippedFiles()
        self._endings = readable_endings()
        self._found_endings: set[str] = set()
        self._in_classes: set[frozenset[str]] = set()

    def listing(self) -> FolderListing:
        """The images of all splits."""
        layout = self._layout
        train = self._files(layout.train)
        self._require_every_class(train)
        inner = self._in_classes.pop() if len(self._in_classes) == 1 else frozenset()
        in_every_class = tuple(sorted(inner)) if len(inner) > 1 else ()
        validation = None if layout.validation is None else self._held_out(layout.validation, "validation")
        test = None if layout.test is None else self._held_out(layout.test, "test")
        classes = tuple(display(name) for name in layout.classes)
        found = FolderListing(layout, classes, train, validation, test, self._skipped, in_every_class)
        if not HEIF_ENDINGS.isdisjoint(self._found_endings):
            register_heif()
        return found

    def _files(self, folder: Path) -> ImageFiles:
        """The images of a split, by class."""
        paths: list[str] = []
        labels: list[int] = []
        sizes: list[int] = []
        digest = hashlib.sha256()
        for name in image_names(folder):
            self._skipped.add_outside(str(folder / name))
        for name, folders in subfolders(folder).items():
            found = sorted((entry for own in folders for entry in self._walk(own)), key=_PATH)
            for start in range(0, len(found), _STOP_CHECK_INTERVAL):
                self._check_stop()
                some = list(_with_status(found[start : start + _STOP_CHECK_INTERVAL]))
                paths += [path for path, _, _ in some]
                labels += [self._labels[name]] * len(some)
                sizes += [size for _, size, _ in some]
                digest.update(os.fsencode("".join(f"{path}\0{mark}\n" for path, _, mark in some)))
        return ImageFiles(tuple(paths), tuple(labels), tuple(sizes), digest.digest())

    def _walk(self, folder: Path) -> list[os.DirEntry[str]]:
        """The images below a class's folder; a folder that is linked in a cycle is visited once."""
        pending, visited = [folder], set()
        found: list[os.DirEntry[str]] = []
        while pending:
            self._check_stop()
            current = pending.pop()
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
            pending += [Path(entry.path) for entry in inner]
        return found

    def _sort_out(self, folder: Path, images: list[os.DirEntry[str]]) -> list[os.DirEntry[str]]:
        """Add a folder's images to ``images`` and count skipped files; returns its subfolders."""
        folders = []
        for entry in list_entries(folder):
            is_a, own = entry_kind(entry), ending(entry.name)
            if is_a == "folder":
                folders.append(entry)
            elif is_a == "nothing":
                self._skipped.add_link(entry.path)
            elif own in self._endings:
                images.append(entry)
                self._found_endings.add(own)
            else:
                self._skipped.add_file(entry.path, own)
        return folders

    def _check_stop(self) -> None:
        if self._should_stop():
            raise Stopped

    def _held_out(self, folder: Path, split: str) -> ImageFiles:
        unknown = [name for name in subfolders(folder) if name not in self._labels]
        if unknown:
            raise DataError(
                f"A {split} class is not among the training classes",
                f"{display(folder)} has {_listed(unknown)}; for training there are {_listed(self._layout.classes)}.",
                "Give the folders of all splits the same names.",
            )
        found = self._files(folder)
        if not found.paths:
            raise DataError(f"There are no {split} images", self._without_any(folder), LAYOUT_HINT)
        return found

    def _require_every_class(self, train: ImageFiles) -> None:
        folder = self._layout.train
        if not train.paths:
            raise DataError("There are no images", self._without_any(folder), LAYOUT_HINT)
        present = set(train.labels)
        empty = [name for label, name in enumerate(self._layout.classes) if label not in present]
        if empty:
            hint = f"Put images there ({', '.join(sorted(self._endings))}) or remove the folder."
            if len(present) == 1:
                (label,) = present
                inner = folder / self._layout.classes[label]
                hint += f" If the classes are in {display(inner)}, set data.root to it."
            raise DataError("A class has no images", f"In {display(folder)}: {_listed(empty)}.{self._aside()}", hint)

    def _without_any(self, folder: Path) -> str:
        return f"No folder in {display(folder)} has any.{self._aside()}"

    def _aside(self) -> str:
        """A text about the skipped files, a possible reason why there are no images."""
        words = self._skipped.words(str(self._layout.root))
        return f" Skipped: {words}." if words else ""

    def _refuse_splits(self, folder: Path, inner: list[os.DirEntry[str]]) -> None:
        """Refuse a class folder that contains splits, whose images would be mixed."""
        roles = split_roles(entry.name for entry in inner)
        if "training" in roles and len(roles) > 1:
            raise DataError(
                "A class is divided into splits",
                describe_contents(folder),
                f"Splits come before classes, not in them. {LAYOUT_HINT}",
            )


def _with_status(found: list[os.DirEntry[str]]) -> Iterator[tuple[str, int, str]]:
    """Path, size and change mark of files, without those removed since their folder was listed."""
    for entry in found:
        try:
            size, mark = change_mark(entry)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise_unreadable(Path(entry.path), error)
        yield entry.path, size, mark


def _listed(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(repr(display(name)) for name in names[:10])
    return shown + (f" and {len(names) - 10} more" if len(names) > 10 else "")
