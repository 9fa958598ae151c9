"""The seed report, run again: which studies it has, in its order, and one document of all of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cnn_tui.config.study import Value
from cnn_tui.errors import ConfigError
from cnn_tui.formatting import duration, elapsed, noun, pluralize
from cnn_tui.metrics import ACCURACY
from cnn_tui.reports.document import Block, Document, Section
from cnn_tui.reports.study_best import best
from cnn_tui.reports.study_differences import mean_difference
from cnn_tui.reports.study_document import environment_texts, setup_text, study_blocks
from cnn_tui.reports.study_table import Figure, StudyTable
from cnn_tui.reports.tables import Table


@dataclass(frozen=True)
class Part:
    """One study of the report.

    Attributes:
        preset: the name of the shipped preset.
        title: its heading, with the report's own number.
        names: what it can be asked for by, beside the preset's name.
        compared: whether its factor is the model, so that it can stand beside the baseline.
    """

    preset: str
    title: str
    names: tuple[str, ...]
    compared: bool = False

    @property
    def future(self) -> bool:
        """Whether the report only announces it."""
        return self.preset.startswith("future-")


BASELINE = Part("report-table1", "Table 1: the baseline", ("table1", "baseline"))
PARTS = (
    BASELINE,
    Part("report-table2", "Table 2 and Figure 3: epochs of VGG-16", ("table2", "figure3")),
    Part("report-figure4", "Figure 4: epochs of ResNet-18", ("figure4",)),
    Part("report-table3", "Table 3 and Figure 5: learning rates of VGG-16", ("table3", "figure5")),
    Part("report-figure6", "Figure 6: batch sizes of VGG-16", ("figure6",)),
    Part("future-resnet18-epochs", "Future work: ResNet-18 up to 320 epochs", ("resnet18-epochs",)),
    Part("future-found-values", "Future work: the found values on every network", ("found-values",), compared=True),
    Part("future-more-models", "Future work: AlexNet and GoogLeNet", ("more-models",)),
    Part("future-random-weights", "Future work: without ImageNet's weights", ("random-weights",), compared=True),
    Part("future-time-epochs", "Future work: the time of epochs", ("time-epochs",)),
    Part("future-time-batch-size", "Future work: the time of batch sizes", ("time-batch-size",)),
)
GROUPS = ("report", "future")
"""Names for all parts that the report has, and for all that it announces."""


@dataclass(frozen=True)
class Outcome:
    """What came of one part.

    Attributes:
        seconds: how long it took here and now.
        kept: how many of its runs were finished earlier.
        skipped: the settings that were not laid over it, since it varies them.
    """

    part: Part
    table: StudyTable
    seconds: float
    kept: int = 0
    skipped: tuple[str, ...] = ()


def parts_of(names: Sequence[str]) -> tuple[Part, ...]:
    """The parts that a person asks for, in the report's order; all of them where none is named.

    Raises:
        ConfigError: there is no such part; the hint has the names most like it.
    """
    known = {name: part for part in PARTS for name in (*part.names, part.preset)}
    for name in names:
        if name not in known and name not in GROUPS:
            choices = [*GROUPS, *(part.names[0] for part in PARTS)]
            likely = difflib.get_close_matches(name, [*GROUPS, *known], n=2, cutoff=0.5)
            hint = f"Did you mean {' or '.join(likely)}?" if likely else ""
            raise ConfigError(f"--only {name} is no part of the report", f"There are {', '.join(choices)}.", hint)
    if not names:
        return PARTS
    groups = [part for part in PARTS if ("future" if part.future else "report") in names]
    chosen = {*groups, *(known[name] for name in names if name in known)}
    return tuple(part for part in PARTS if part in chosen)


def reproduction(outcomes: Sequence[Outcome], settings: Sequence[str], left: Sequence[Part] = ()) -> Document:
    """The whole report as far as it has come.

    Args:
        settings: what was changed for all of it, as ``path=value``.
        left: the parts that are still to come.
    """
    parts = [Section(outcome.part.title, tuple(_blocks(outcome, outcomes))) for outcome in outcomes]
    return Document("The report, run again", (_overview(outcomes, settings, left), *parts))


def _overview(outcomes: Sequence[Outcome], settings: Sequence[str], left: Sequence[Part]) -> Section:
    blocks: list[Block] = []
    if settings:
        blocks.append(
            f"Changed for every study that does not vary it: {', '.join(settings)}. "
            "So this is not the report's own setup, and figures differ for that reason too."
        )
    machines = dict.fromkeys(one for outcome in outcomes for one in outcome.table.environments)
    blocks += environment_texts(machines)
    blocks.append(_summary(outcomes))
    filled, kept = sum(outcome.table.done for outcome in outcomes), sum(outcome.kept for outcome in outcomes)
    again = f", {kept} of them by runs that were there already" if kept else ""
    total = duration(sum(outcome.seconds for outcome in outcomes))
    blocks.append(f"{pluralize(filled, 'run stands', 'runs stand')} in the tables{again}. All of it took {total}.")
    if left:
        blocks.append(f"Still to come: {'; '.join(part.title for part in left)}.")
    return Section("What was run on what", tuple(blocks))


def _summary(outcomes: Sequence[Outcome]) -> Table:
    columns = ("study", "best", "chosen by", "test accuracy", "reported best", "reported accuracy")
    more = ("mean difference", "runs", "time")
    return Table((*columns, *more), tuple(_summary_row(outcome) for outcome in outcomes), labels=1)


def _summary_row(outcome: Outcome) -> tuple[str, ...]:
    table, chosen = outcome.table, best(outcome.table)
    reported = [(row.published(ACCURACY) or 0.0, row.label) for row in table.rows if row.published(ACCURACY)]
    theirs = max(reported, key=lambda one: one[0]) if len(reported) > 1 else None
    difference = mean_difference(table)
    return (
        outcome.part.title,
        chosen.row.label if chosen else "",
        chosen.criterion if chosen else "",
        _accuracy(chosen.row.accuracy if chosen else None),
        theirs[1] if theirs else "",
        f"{theirs[0]:.3f}" if theirs else "",
        "" if difference is None else f"{100 * difference:.2f} points",
        str(table.done) if table.done == table.runs else f"{table.done} of {table.runs}",
        elapsed(outcome.seconds),
    )


def _blocks(outcome: Outcome, outcomes: Sequence[Outcome]) -> Iterator[Block]:
    table = outcome.table
    yield table.study.description
    yield f"Run with {setup_text(table.study)}"
    if outcome.skipped:
        yield f"Not changed here, since it is what is varied: {', '.join(outcome.skipped)}."
    yield from study_blocks(table)
    if outcome.part.compared:
        yield from _beside_baseline(table, outcomes)


def _beside_baseline(table: StudyTable, outcomes: Sequence[Outcome]) -> Iterator[Block]:
    """The accuracy of each network beside that in the baseline, where it was run in the same go."""
    known: dict[Value, Figure] = {}
    for outcome in outcomes:
        if outcome.part is BASELINE or outcome.part.preset == "future-more-models":
            known |= {row.value: row.accuracy for row in outcome.table.rows if row.accuracy is not None}
    pairs = [(row.label, row.accuracy, known[row.value]) for row in table.rows if row.accuracy and row.value in known]
    if not pairs:
        return
    rows = [
        (label, _accuracy(here), _accuracy(there), f"{here.mean - there.mean:+.4f}") for label, here, there in pairs
    ]
    yield "Beside the baseline's settings:"
    yield Table((table.factor, "accuracy", "of the baseline", "difference"), tuple(rows))
    better = sum(here.mean > there.mean for _, here, there in pairs)
    networks = f"{better} of {pluralize(len(pairs), 'network')} {noun(better, 'does', 'do')}"
    yield f"{networks} better than with the baseline's settings."


def _accuracy(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.mean:.4f}"
