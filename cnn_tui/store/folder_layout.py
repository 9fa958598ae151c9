"""How a folder of pictures is divided into splits and classes, found out from the names of its folders."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cnn_tui.errors import DataError
from cnn_tui.formatting import display
from cnn_tui.store.folder_entries import named_folders, own_pictures, picture_names

LAYOUT_HINT = (
    "Pictures are looked for in root/train/<class>/ with root/test/<class>/, root/val/<class>/ or both, "
    "or in root/<class>/."
)
_Role = Literal["training", "validation", "test"]
_ROLES: dict[str, _Role] = {
    **dict.fromkeys(("train", "training"), "training"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval"), "test"),
}
_SUFFIX = re.compile(r"(?<=.)(set|data|images?|imgs?|pictures?|split)$")
_MOST_WRAPPERS = 3
_MOST_SHOWN = 8
_MOST_INSIDE = 4


@dataclass(frozen=True)
class FolderLayout:
    """Which folders hold the splits of a folder of pictures, and its classes.

    Attributes:
        root: the folder that was named.
        base: the folder that holds the splits or classes: the root, or the only folder in it.
        train: the folder of the training split; the base itself where the folder has no splits.
        validation: None where validation pictures are cut from the training split.
        test: None where test pictures are cut from the training split.
        classes: the names of the classes in alphabetical order, in Unicode's composed form.
        unused: the names of folders beside the splits, which hold no pictures.
    """

    root: Path
    base: Path
    train: Path
    validation: Path | None
    test: Path | None
    classes: tuple[str, ...]
    unused: tuple[str, ...] = ()

    def describe(self, validation_fraction: float) -> str:
        """The layout in one line; ``validation_fraction`` is the part that is cut where no folder is for validation."""
        words = self._splits(validation_fraction > 0)
        if self.base != self.root:
            words = f"in {display(self.base.relative_to(self.root))}/: {words}"
        if self.unused:
            words += f"; {_folders(self.unused)} without pictures: not used"
        return words

    def _splits(self, cuts_validation: bool) -> str:
        classes = f"{len(self.classes):,} classes"
        if self.test is None:
            rest = ", validation is cut from the rest" if cuts_validation else ""
            return f"{classes} ({_some(self.classes)}), a fifth becomes the test split{rest}"
        words = f"{_name(self.train)} ({classes})"
        if self.validation is not None:
            words += f", {_name(self.validation)} is the validation split, {_name(self.test)} is the test split"
            return f"{words}; data.validation_fraction does not apply"
        cut = f"validation is cut from {_name(self.train)}" if cuts_validation else "no validation"
        return f"{words}, {_name(self.test)} is the test split, {cut}"


def read_layout(root: str) -> FolderLayout:
    """Find out the layout of a folder of pictures without listing them.

    Raises:
        DataError: the folder is missing, has no two classes, or can be understood in more than one way.
    """
    asked = _existing(root)
    base = _without_wrappers(asked)
    names = [path.name for paths in named_folders(base).values() for path in paths]
    roles = {name: _ROLES[name.casefold()] for name in names if name.casefold() in _ROLES}
    if not roles or _is_class_called_train(base, names, roles):
        _refuse_near_splits(base, names)
        return FolderLayout(asked, base, base, None, None, _class_names(base))
    return _with_splits(asked, base, roles, [name for name in names if name not in roles])


def split_roles(names: Iterable[str]) -> set[_Role]:
    """What folders are for as far as their names tell, such as "test-set" or "train2017"."""
    return {role for name in names if (role := _near_role(name)) is not None}


def _existing(root: str) -> Path:
    try:
        path = Path(root).expanduser().absolute()
        found = path.is_dir()
        title = "data.root is not a folder" if path.exists() else "There is no such folder"
    except (RuntimeError, ValueError, OSError) as error:
        raise DataError("There is no such folder", f"data.root {root!r}: {error}", LAYOUT_HINT) from error
    if not found:
        raise DataError(title, f"data.root {root!r}: {display(path)}", LAYOUT_HINT)
    return path


def _without_wrappers(root: Path) -> Path:
    """The folder itself, or the one in it that the classes or splits are in, where that is plain."""
    base = root
    for _ in range(_MOST_WRAPPERS):
        inner = [path for paths in named_folders(base).values() for path in paths]
        if len(inner) != 1 or inner[0].name.casefold() in _ROLES or own_pictures(base) or own_pictures(inner[0]):
            break
        base = inner[0]
    return base if len(named_folders(base)) > 1 else root


def _is_class_called_train(base: Path, names: list[str], roles: dict[str, _Role]) -> bool:
    """Whether the only name of a split is that of a class, with pictures like the others: trains are photographed."""
    if len(names) < 2 or len(roles) != 1 or "training" not in roles.values():
        return False
    (name,) = roles
    return not named_folders(base / name) and bool(own_pictures(base / name))


def _with_splits(root: Path, base: Path, roles: dict[str, _Role], others: list[str]) -> FolderLayout:
    by_role = {role: [base / name for name, own in roles.items() if own == role] for role in set(_ROLES.values())}
    _refuse_lacking(base, by_role)
    for role, folders in by_role.items():
        if len(folders) > 1:
            raise DataError(
                f"There is more than one {role} folder",
                f"{_folders([folder.name for folder in folders])} could each be it. {seen(base)}",
                "Rename or move away what is not meant, or leave one folder for each split.",
            )
    crowd = [name for name in others if next(picture_names(base / name), None) is not None]
    if crowd:
        raise DataError(
            "Folders of splits stand beside other folders with pictures",
            seen(base),
            f"Move {_folders(crowd)} away if the splits are meant, or rename {_folders(list(roles))} if those are "
            "classes.",
        )
    _require_class_folders([folder for folders in by_role.values() for folder in folders], base)
    (train,) = by_role["training"]
    held_out = by_role["test"] or by_role["validation"]
    validation = by_role["validation"][0] if by_role["test"] and by_role["validation"] else None
    return FolderLayout(root, base, train, validation, held_out[0], _class_names(train), tuple(others))


def _refuse_lacking(base: Path, by_role: dict[_Role, list[Path]]) -> None:
    train, held_out = by_role["training"], by_role["validation"] + by_role["test"]
    if train and not held_out:
        raise DataError(
            "There is no folder 'test'",
            f"{display(base)} has only {display(train[0].name)!r} of the splits. {seen(base)}",
            f"Add a folder 'test' or 'val', or set data.root to {display(train[0])}, of which a fifth becomes the test "
            "split then.",
        )
    if held_out and not train:
        raise DataError(
            "There is no folder 'train'",
            f"{display(base)} has {_folders([folder.name for folder in held_out])} and nothing to learn from. "
            f"{seen(base)}",
            f"{LAYOUT_HINT} Rename folders that are classes and not splits.",
        )


def _require_class_folders(folders: list[Path], base: Path) -> None:
    """Refuse splits with pictures that belong to no class."""
    bare = [folder for folder in folders if not named_folders(folder) and own_pictures(folder)]
    if bare:
        names = _folders([folder.name for folder in bare])
        raise DataError(
            "A split has pictures and no classes",
            f"{names}: the pictures are not in folders of classes. {seen(base)}",
            f"{LAYOUT_HINT} Rename {names} if these are classes and not splits.",
        )


def _refuse_near_splits(base: Path, names: list[str]) -> None:
    """Refuse folders that all are named like splits and not quite: never classes by accident."""
    roles = [_near_role(name) for name in names]
    if len(names) > 1 and None not in roles and "training" in roles and len(set(roles)) > 1:
        raise DataError(
            "Folders are named like splits, and not as splits are",
            seen(base),
            "Rename them to train, val and test if they are splits, or otherwise if they are classes.",
        )


def _near_role(name: str) -> _Role | None:
    tokens = (_SUFFIX.sub("", token) for token in re.split(r"[^a-z]+", name.casefold()))
    return next((_ROLES[token] for token in tokens if token in _ROLES), None)


def _class_names(folder: Path) -> tuple[str, ...]:
    found = named_folders(folder)
    if not found:
        raise DataError("There are no classes", f"{display(folder)} has no folders in it.", LAYOUT_HINT)
    if len(found) == 1:
        (inner,) = next(iter(found.values()))[:1]
        below = _folders([path.name for paths in named_folders(inner).values() for path in paths])
        raise DataError(
            "There is only one class",
            f"{display(folder)} has only the folder {display(inner.name)!r}.",
            f"Set data.root to {display(inner)} if {below} are the classes." if below else LAYOUT_HINT,
        )
    return tuple(found)


def seen(base: Path) -> str:
    """What is in a folder, two levels deep, as a person would recognise it."""
    names = [path for paths in named_folders(base).values() for path in paths]
    more = f", and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    inside = ", ".join(f"{_name(path)} ({_inside(path)})" for path in names[:_MOST_SHOWN])
    return f"Seen in {display(base)}: {inside}{more}."


def _inside(folder: Path) -> str:
    names = [path.name for paths in named_folders(folder).values() for path in paths]
    pictures = len(own_pictures(folder))
    parts = [_folders(names)] if names else []
    if pictures:
        parts.append("1 picture" if pictures == 1 else f"{pictures:,} pictures")
    return " and ".join(parts) or "no pictures"


def _folders(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(f"{display(name)}/" for name in names[:_MOST_INSIDE])
    return shown + (f" and {len(names) - _MOST_INSIDE} more" if len(names) > _MOST_INSIDE else "")


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(display(name) for name in names[:_MOST_INSIDE])
    return shown + (", …" if len(names) > _MOST_INSIDE else "")


def _name(folder: Path) -> str:
    return f"{display(folder.name)}/"
