"""The images of the Predict screen: which a path names, their rows, and how many were right."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cnn_tui.errors import DataError
from cnn_tui.formatting import display, percentage, pluralize
from cnn_tui.store.image_folder import images_below, list_entries, raise_unreadable
from cnn_tui.tui.named_paths import named_paths
from cnn_tui.tui.widgets.probability_bars import probability_text
from cnn_tui.tui.widgets.table_model import TableColumn, Tone

MOST_IMAGES = 2_000
_HINT = "Type, paste or drop the path of an image, or of a folder with images."


@dataclass(frozen=True)
class PredictionRow:
    """An image and its classes.

    Attributes:
        name: the file name, as valid Unicode.
        folder: its folder below the one that the user named; empty if that is the one.
        actual: the class that its folder is named after; empty if that is none.
        top: the most probable classes with their probabilities; empty before the answer, and if it cannot be read.
        problem: why it cannot be read; empty if it can.
    """

    path: str
    name: str
    folder: str = ""
    actual: str = ""
    top: tuple[tuple[str, float], ...] = ()
    problem: str = ""

    @property
    def answered(self) -> bool:
        """Whether it was classified, or cannot be."""
        return bool(self.top or self.problem)

    @property
    def predicted(self) -> str:
        """The most probable class; empty without one."""
        return self.top[0][0] if self.top else ""

    @property
    def is_right(self) -> bool | None:
        """Whether it is classified as the class of its folder; None if either is unknown."""
        return self.predicted == self.actual if self.actual and self.top else None


@dataclass(frozen=True)
class NamedImages:
    """The images that a text names; ``more`` is whether there are others beyond ``MOST_IMAGES``."""

    rows: tuple[PredictionRow, ...]
    more: bool = False


def find_images(text: str, classes: Collection[str], should_stop: Callable[[], bool] = lambda: False) -> NamedImages:
    """The images that a typed or pasted text names. Reads folders: call it in a thread.

    Args:
        should_stop: whether to give up, because searching a disk may take minutes.

    Raises:
        DataError: it names none.
    """
    paths = [Path(path).absolute() for path in named_paths(text)]
    if not paths:
        raise DataError("There is no path", "", _HINT)
    found = itertools.chain.from_iterable(_rows(path, classes, should_stop) for path in paths)
    rows = tuple(itertools.islice(found, MOST_IMAGES + 1))
    return NamedImages(rows[:MOST_IMAGES], len(rows) > MOST_IMAGES)


def _rows(path: Path, classes: Collection[str], should_stop: Callable[[], bool]) -> Iterator[PredictionRow]:
    """The image itself, or the images in a folder."""
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise_unreadable(path, error)
    if is_folder:
        yield from _rows_below(path, classes, should_stop)
    elif exists:
        yield PredictionRow(str(path), display(path.name), "", class_of(path, classes))
    else:
        raise DataError("There is no such file or folder", display(path), f"Check the path. {_HINT}")


def _rows_below(folder: Path, classes: Collection[str], should_stop: Callable[[], bool]) -> Iterator[PredictionRow]:
    is_empty = True
    for image in map(Path, images_below(folder, should_stop)):
        is_empty = False
        below = image.parent.relative_to(folder)
        shown = display(below) if below.name else ""
        yield PredictionRow(str(image), display(image.name), shown, class_of(image, classes))
    if is_empty:
        list_entries(folder)  # says why, if it cannot be read
        raise DataError("There are no images in the folder", display(folder), _HINT)


def class_of(image: Path, classes: Collection[str]) -> str:
    """The class that the folder of an image is named after; empty if it is none."""
    folder = unicodedata.normalize("NFC", display(image.parent.name))
    return folder if folder in classes else ""


def summary(rows: Sequence[PredictionRow], more: bool) -> str:
    """How many images are classified, and how many of them as the class that their folder is named after."""
    answered = sum(row.answered for row in rows)
    judged = [row.is_right for row in rows if row.is_right is not None]
    problems = sum(bool(row.problem) for row in rows)
    images = f"first {pluralize(len(rows), 'image')}" if more else pluralize(len(rows), "image")
    parts = [images if answered == len(rows) else f"{answered:,} of {'the ' if more else ''}{images}"]
    if judged and len(rows) > 1:
        right, judged_only = sum(judged), "" if len(judged) == answered else f" of {len(judged):,}"
        parts.append(f"{right:,}{judged_only} match their folder ({percentage(right, len(judged))})")
    if problems:
        parts.append(f"{problems:,} cannot be read")
    if more:
        parts.append("all: cnn-tui predict")
    return " · ".join(parts)


def _answer(row: PredictionRow) -> str:
    """The predicted class with whether it is right, or the problem."""
    if row.is_right is None:
        return row.problem or row.predicted
    return f"{'✓' if row.is_right else '✗'} {row.predicted}"


def _tone(row: PredictionRow) -> Tone | None:
    if row.problem:
        return "warning"
    return None if row.is_right is None else "good" if row.is_right else "bad"


def _probability(row: PredictionRow) -> float | None:
    return row.top[0][1] if row.top else None


def _probability_text(row: PredictionRow) -> str:
    return probability_text(row.top[0][1]) if row.top else ""


IMAGE_COLUMNS: tuple[TableColumn[PredictionRow], ...] = (
    TableColumn("image", "image", lambda row: row.name, lambda row: row.name.casefold(), narrowest=10, widest=40),
    TableColumn(
        "predicted", "predicted", _answer, lambda row: row.predicted or None, tone=_tone, narrowest=8, widest=24
    ),
    TableColumn("probability", "prob.", _probability_text, _probability, right=True, falling=True),
    TableColumn("folder", "folder", lambda row: row.folder, lambda row: row.folder or None, rank=1, widest=24),
)
