"""What is in a folder of pictures, without hidden files and the clutter of operating systems."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NoReturn

from cnn_tui.catalog.image_files import ending, is_clutter, readable_endings
from cnn_tui.errors import DataError
from cnn_tui.formatting import display
from cnn_tui.store.files import reason

Kind = Literal["file", "folder", "nothing"]


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """The files and folders in a folder, in no order.

    Raises:
        DataError: the folder cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            return [entry for entry in found if not is_clutter(entry.name)]
    except OSError as error:
        raise_unreadable(folder, error)


def kind(entry: os.DirEntry[str]) -> Kind:
    """What an entry is, or what it links to; nothing for links that lead nowhere and for devices."""
    try:
        if entry.is_file():
            return "file"
        return "folder" if entry.is_dir() else "nothing"
    except OSError:  # links in a circle, or to where nobody may look
        return "nothing"


def is_picture(name: str) -> bool:
    """Whether a file with this name is taken for a picture."""
    return ending(name) in readable_endings()


def named_folders(folder: Path) -> dict[str, list[Path]]:
    """The folders in a folder by their names, in alphabetical order.

    Names in Unicode's composed and decomposed form are one: macOS may write the same class in either.

    Raises:
        DataError: the folder cannot be read.
    """
    found: dict[str, list[Path]] = {}
    for entry in sorted(entries(folder), key=lambda entry: entry.name):
        if kind(entry) == "folder":
            found.setdefault(unicodedata.normalize("NFC", entry.name), []).append(Path(entry.path))
    return dict(sorted(found.items()))


def own_pictures(folder: Path) -> list[str]:
    """The names of the pictures that are directly in a folder.

    Raises:
        DataError: the folder cannot be read.
    """
    return sorted(entry.name for entry in entries(folder) if is_picture(entry.name) and kind(entry) == "file")


def picture_names(folder: Path) -> Iterator[str]:
    """The names of all pictures in a folder and below it; what cannot be read is passed over."""
    for _, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_clutter(name)]
        yield from (name for name in names if is_picture(name) and not is_clutter(name))


def raise_unreadable(path: Path, error: OSError) -> NoReturn:
    """Raise the failure to look at a file or folder as a DataError."""
    raise DataError(f"{display(path.name)!r} cannot be read", f"{display(path)}: {reason(error)}.") from error
