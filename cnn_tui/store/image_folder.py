"""Folders of images: what is in them, and which subfolders are splits and classes."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Literal, NoReturn

from cnn_tui.catalog.image_files import ending, is_clutter, readable_endings
from cnn_tui.errors import DataError
from cnn_tui.formatting import display, pluralize
from cnn_tui.store.files import reason

LAYOUT_HINT = "Expected: root/train/<class>/ with root/test/<class>/, root/val/<class>/ or both, or only root/<class>/."
EntryKind = Literal["file", "folder", "nothing"]
_Role = Literal["training", "validation", "test"]
_ROLES: dict[str, _Role] = {
    **dict.fromkeys(("train", "training"), "training"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
_SUFFIX = re.compile(r"(?<=.)(set|data|images?|imgs?|pictures?|split)$")
_MOST_WRAPPERS = 3
_LISTED_FOLDERS, _LISTED_NAMES = 8, 4


@dataclass(frozen=True)
class FolderLayout:
    """The splits and classes of a folder of images.

    Attributes:
        root: the folder that the user named.
        base: the folder that contains the splits or classes: the root, or the only folder in it.
        train: the folder of the training split; the base itself if there are no splits.
        validation: None if validation images are taken from the training split.
        test: None if test images are taken from the training split.
        classes: the names of the classes in alphabetical order, in Unicode's composed form.
        unused: the names of folders next to the splits, without images.
    """

    root: Path
    base: Path
    train: Path
    validation: Path | None
    test: Path | None
    classes: tuple[str, ...]
    unused: tuple[str, ...] = ()

    def describe(self, validation_fraction: float) -> str:
        """Describe the layout in one line; ``validation_fraction`` matters without a folder for validation."""
        text = self._splits(validation_fraction > 0)
        if self.base != self.root:
            text = f"in {display(self.base.relative_to(self.root))}/: {text}"
        if self.unused:
            text += f"; {_listed(self.unused)} without images: not used"
        return text

    def _splits(self, holds_out_validation: bool) -> str:
        classes = f"{len(self.classes):,} classes"
        if self.test is None:
            rest = ", validation is taken from the rest" if holds_out_validation else ""
            shown = ", ".join(display(name) for name in self.classes[:_LISTED_NAMES])
            shown += ", …" if len(self.classes) > _LISTED_NAMES else ""
            return f"{classes} ({shown}), a fifth becomes the test split{rest}"
        text = f"{_name(self.train)} ({classes})"
        if self.validation is not None:
            text += f", {_name(self.validation)} is the validation split, {_name(self.test)} is the test split"
            return f"{text}; data.validation_fraction does not apply"
        validation = f"validation is taken from {_name(self.train)}" if holds_out_validation else "no validation"
        return f"{text}, {_name(self.test)} is the test split, {validation}"


def read_layout(root: str) -> FolderLayout:
    """Determine the layout of a folder of images from the names of its subfolders.

    Raises:
        DataError: the folder is missing, has fewer than two classes, or is ambiguous.
    """
    named = _existing(root)
    base = _without_wrappers(named)
    names = [path.name for path in _subfolder_list(base)]
    roles = {name: _ROLES[name.casefold()] for name in names if name.casefold() in _ROLES}
    if not roles or _is_class_called_train(base, names, roles):
        _refuse_near_splits(base, names)
        return FolderLayout(named, base, base, None, None, _class_names(base))
    return _with_splits(named, base, roles, [name for name in names if name not in roles])


def split_roles(names: Iterable[str]) -> set[_Role]:
    """The splits that folder names suggest, such as "test-set" or "train2017"."""
    return {role for name in names if (role := _near_role(name)) is not None}


def list_entries(folder: Path) -> list[os.DirEntry[str]]:
    """List the files and folders in a folder, without hidden ones and the clutter of operating systems.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return [entry for entry in found if not is_clutter(entry.name)]
    except OSError as error:
        raise_unreadable(folder, error)


def entry_kind(entry: os.DirEntry[str]) -> EntryKind:
    """Whether an entry is or links to a file or folder; "nothing" for dangling links and devices."""
    try:
        if entry.is_file():
            return "file"
        return "folder" if entry.is_dir() else "nothing"
    except OSError:  # circular links, or no permission
        return "nothing"


def is_image_name(name: str) -> bool:
    """Whether a file name has the extension of a readable image."""
    return ending(name) in readable_endings()


def subfolders(folder: Path) -> dict[str, list[Path]]:
    """The folders in a folder by name, in alphabetical order.

    Names in composed and decomposed Unicode are the same: macOS may write one class in either form.

    Raises:
        DataError: the folder cannot be read.
    """
    found: dict[str, list[Path]] = {}
    for entry in sorted(list_entries(folder), key=lambda entry: entry.name):
        if entry_kind(entry) == "folder":
            found.setdefault(unicodedata.normalize("NFC", entry.name), []).append(Path(entry.path))
    return dict(sorted(found.items()))


def image_names(folder: Path) -> list[str]:
    """The names of the images directly in a folder.

    Raises:
        DataError: the folder cannot be read.
    """
    entries = list_entries(folder)
    return sorted(entry.name for entry in entries if is_image_name(entry.name) and entry_kind(entry) == "file")


def images_below(folder: Path, should_stop: Callable[[], bool] = lambda: False) -> Iterator[str]:
    """All images in a folder and its readable subfolders, by name, until ``should_stop``, called for each, is True."""
    for parent, folders, names in takewhile(lambda found: not should_stop(), os.walk(folder)):
        folders[:] = sorted(name for name in folders if not is_clutter(name))
        yield from (f"{parent}{os.sep}{name}" for name in sorted(names) if is_image_name(name) and not is_clutter(name))


def describe_contents(base: Path) -> str:
    """Describe what is in a folder, two levels deep."""
    folders, most = _subfolder_list(base), _LISTED_FOLDERS
    contents = ", ".join(f"{_name(path)} ({_contents(path)})" for path in folders[:most])
    return f"Found in {display(base)}: {contents}{f', and {len(folders) - most} more' if folders[most:] else ''}."


def raise_unreadable(path: Path, error: OSError) -> NoReturn:
    """Raise a DataError for a file or folder that cannot be read."""
    raise DataError(f"{display(path.name)!r} cannot be read", f"{display(path)}: {reason(error)}.") from error


def _existing(root: str) -> Path:
    try:
        path = Path(root).expanduser().absolute()
        if path.is_dir():
            return path
        title = "data.root is not a folder" if path.exists() else "There is no such folder"
    except (RuntimeError, ValueError, OSError) as error:
        raise DataError("There is no such folder", f"data.root {root!r}: {error}", LAYOUT_HINT) from error
    raise DataError(title, f"data.root {root!r}: {display(path)}", LAYOUT_HINT)


def _without_wrappers(root: Path) -> Path:
    """The folder itself, or the single folder nested in it that contains the classes or splits."""
    base = root
    for _ in range(_MOST_WRAPPERS):
        inner = _subfolder_list(base)
        if len(inner) != 1 or inner[0].name.casefold() in _ROLES or image_names(base) or image_names(inner[0]):
            break
        base = inner[0]
    return base if len(subfolders(base)) > 1 else root


def _is_class_called_train(base: Path, names: list[str], roles: dict[str, _Role]) -> bool:
    """Whether the only name of a split is a class with images like the others, of trains for example."""
    if len(names) < 2 or len(roles) != 1 or "training" not in roles.values():
        return False
    (name,) = roles
    return not subfolders(base / name) and bool(image_names(base / name))


def _with_splits(root: Path, base: Path, roles: dict[str, _Role], others: list[str]) -> FolderLayout:
    by_role = {role: [base / name for name, own in roles.items() if own == role] for role in set(_ROLES.values())}
    _refuse_missing(base, by_role)
    for role, folders in by_role.items():
        if len(folders) > 1:
            raise DataError(
                f"There is more than one {role} folder",
                f"{_listed([folder.name for folder in folders])} could each be it. {describe_contents(base)}",
                "Leave one folder for each split, and rename or move the others.",
            )
    with_images = [name for name in others if next(images_below(base / name), None) is not None]
    if with_images:
        raise DataError(
            "There are other folders with images next to the splits",
            describe_contents(base),
            f"Move {_listed(with_images)} away, or rename {_listed(list(roles))} if those are classes.",
        )
    _require_class_folders([folder for folders in by_role.values() for folder in folders], base)
    (train,) = by_role["training"]
    held_out = by_role["test"] or by_role["validation"]
    validation = by_role["validation"][0] if by_role["test"] and by_role["validation"] else None
    return FolderLayout(root, base, train, validation, held_out[0], _class_names(train), tuple(others))


def _refuse_missing(base: Path, by_role: dict[_Role, list[Path]]) -> None:
    train, held_out = by_role["training"], by_role["validation"] + by_role["test"]
    if train and not held_out:
        raise DataError(
            "There is no folder 'test'",
            f"It has only {_name(train[0])} of the splits. {describe_contents(base)}",
            f"Add a folder 'test' or 'val', or set data.root to {display(train[0])} to split it.",
        )
    if held_out and not train:
        raise DataError(
            "There is no folder 'train'",
            f"It has only {_listed([folder.name for folder in held_out])} of the splits. {describe_contents(base)}",
            f"{LAYOUT_HINT} Rename folders that are classes and not splits.",
        )


def _require_class_folders(folders: list[Path], base: Path) -> None:
    """Refuse splits with images outside class folders."""
    bare = [folder for folder in folders if not subfolders(folder) and image_names(folder)]
    if bare:
        names = _listed([folder.name for folder in bare])
        raise DataError(
            "A split has images and no classes",
            f"{names}: the images are not in class folders. {describe_contents(base)}",
            f"{LAYOUT_HINT} Rename {names} if these are classes and not splits.",
        )


def _refuse_near_splits(base: Path, names: list[str]) -> None:
    """Refuse folders that are all named almost like splits, instead of taking them for classes."""
    roles = [_near_role(name) for name in names]
    if len(names) > 1 and None not in roles and "training" in roles and len(set(roles)) > 1:
        raise DataError(
            "The folders have names similar to splits",
            describe_contents(base),
            "Rename them to train, val and test if they are splits, or otherwise if they are classes.",
        )


def _near_role(name: str) -> _Role | None:
    tokens = (_SUFFIX.sub("", token) for token in re.split(r"[^a-z]+", name.casefold()))
    return next((_ROLES[token] for token in tokens if token in _ROLES), None)


def _class_names(folder: Path) -> tuple[str, ...]:
    found = subfolders(folder)
    if not found:
        raise DataError("There are no classes", f"{display(folder)} has no folders in it.", LAYOUT_HINT)
    if len(found) == 1:
        (inner,) = next(iter(found.values()))[:1]
        below = _listed([path.name for path in _subfolder_list(inner)])
        raise DataError(
            "There is only one class",
            f"{display(folder)} has only the folder {display(inner.name)!r}.",
            f"Set data.root to {display(inner)} if {below} are the classes." if below else LAYOUT_HINT,
        )
    return tuple(found)


def _subfolder_list(folder: Path) -> list[Path]:
    return [path for paths in subfolders(folder).values() for path in paths]


def _contents(folder: Path) -> str:
    images = len(image_names(folder))
    parts = [_listed([path.name for path in _subfolder_list(folder)]), pluralize(images, "image") if images else ""]
    return " and ".join(filter(None, parts)) or "no images"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"{display(name)}/" for name in names[:_LISTED_NAMES])
    return shown + (f" and {len(names) - _LISTED_NAMES} more" if len(names) > _LISTED_NAMES else "")


def _name(folder: Path) -> str:
    return f"{display(folder.name)}/"
