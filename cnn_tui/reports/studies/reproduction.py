"""The reproduction of a published report: its studies in order, and one document of all of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cnn_tui.config.study import Value
from cnn_tui.errors import ConfigError
from cnn_tui.formatting import duration, elapsed, noun, pluralize
from cnn_tui.metrics import ACCURACY
from cnn_tui.reports.documents.document import Block, Document, Section
from cnn_tui.reports.documents.tables import Table
from cnn_tui.reports.studies.document import environment_texts, setup_text, study_blocks
from cnn_tui.reports.studies.findings import best, mean_difference
from cnn_tui.reports.studies.table import Aggregate, StudyTable


@dataclass(frozen=True)
class Part:
    """One study of the report.

    Attributes:
        preset: the name of the shipped preset.
        title: its heading, with the report's own number.
        names: accepted by the command line besides the preset's name.
        compared: whether its factor is the model, so that it can be compared with the baseline.
    """

    preset: str
    title: str
    names: tuple[str, ...]
    compared: bool = False

    @property
    def future(self) -> bool:
        """Whether the report only announces it as future work."""
        return self.preset.startswith("future-")


BASELINE = Part("report-table1", "Table 1: the baseline", ("table1", "baseline"))
PARTS = (
    BASELINE,
    Part("report-table2", "Table 2 and Figure 3: epochs of VGG-16", ("table2", "figure3")),
    Part("report-figure4", "Figure 4: epochs of ResNet-18", ("figure4",)),
    Part("report-table3", "Table 3 and Figure 5: learning rates of VGG-16", ("table3", "figure5")),
    Part("report-figure6", "Figure 6: batch sizes of VGG-16", ("figure6",)),
    Part("future-resnet18-epochs", "Future work: ResNet-18 up to 320 epochs", ("resnet18-epochs",)),
    Part("future-found-values", "Future work: the best values on every network", ("found-values",), compared=True),
    Part("future-more-models", "Future work: AlexNet and GoogLeNet", ("more-models",)),
    Part("future-random-weights", "Future work: without ImageNet weights", ("random-weights",), compared=True),
    Part("future-time-epochs", "Future work: training time by epochs", ("time-epochs",)),
    Part("future-time-batch-size", "Future work: training time by batch size", ("time-batch-size",)),
)
GROUPS = ("report", "future")
"""The names of two groups: all parts in the report, and all future work."""


@dataclass(frozen=True)
class PartResult:
    """The result of one part.

    Attributes:
        seconds: the duration of this reproduction of it.
        reused: the number of runs that had finished earlier.
        skipped: the overrides that were not applied, because the part varies these settings.
    """

    part: Part
    table: StudyTable
    seconds: float
    reused: int = 0
    skipped: tuple[str, ...] = ()


def parts_of(names: Sequence[str]) -> tuple[Part, ...]:
    """The parts with these names, in the report's order; all of them without names.

    Raises:
        ConfigError: there is no such part; the hint suggests similar names.
    """
    known = {name: part for part in PARTS for name in (*part.names, part.preset)}
    for name in names:
        if name not in known and name not in GROUPS:
            choices = [*GROUPS, *(part.names[0] for part in PARTS)]
            similar = difflib.get_close_matches(name, [*GROUPS, *known], n=2, cutoff=0.5)
            hint = f"Did you mean {' or '.join(similar)}?" if similar else ""
            raise ConfigError(
                f"--only {name} is not a part of the report", f"Its parts are {', '.join(choices)}.", hint
            )
    if not names:
        return PARTS
    groups = [part for part in PARTS if ("future" if part.future else "report") in names]
    chosen = {*groups, *(known[name] for name in names if name in known)}
    return tuple(part for part in PARTS if part in chosen)


def reproduction(results: Sequence[PartResult], settings: Sequence[str], pending: Sequence[Part] = ()) -> Document:
    """The report with all present results.

    Args:
        settings: the overrides of all parts, as ``path=value``.
        pending: the parts that have not run.
    """
    parts = [Section(result.part.title, tuple(_blocks(result, results))) for result in results]
    return Document("The report, reproduced", (_overview(results, settings, pending), *parts))


def _overview(results: Sequence[PartResult], settings: Sequence[str], pending: Sequence[Part]) -> Section:
    blocks: list[Block] = []
    if settings:
        blocks.append(
            f"Changed for every study that does not vary it: {', '.join(settings)}. "
            "This is not the report's own setup, so scores differ for that reason as well."
        )
    blocks += environment_texts(dict.fromkeys(one for result in results for one in result.table.environments))
    blocks.append(_summary(results))
    done, reused = sum(result.table.done for result in results), sum(result.reused for result in results)
    earlier = f", {reused} of them from earlier studies" if reused else ""
    total = duration(sum(result.seconds for result in results))
    blocks.append(f"The tables contain {pluralize(done, 'run')}{earlier}. Total time: {total}.")
    if pending:
        blocks.append(f"Not run yet: {'; '.join(part.title for part in pending)}.")
    return Section("Overview", tuple(blocks))


def _summary(results: Sequence[PartResult]) -> Table:
    columns = ("study", "best", "chosen by", "test accuracy", "reported best", "reported accuracy")
    more = ("mean difference", "runs", "time")
    return Table((*columns, *more), tuple(_summary_row(result) for result in results), labels=1)


def _summary_row(result: PartResult) -> tuple[str, ...]:
    table, chosen = result.table, best(result.table)
    reported = [(row.published(ACCURACY) or 0.0, row.label) for row in table.rows if row.published(ACCURACY)]
    theirs = max(reported, key=lambda one: one[0]) if len(reported) > 1 else None
    difference = mean_difference(table)
    return (
        result.part.title,
        chosen.row.label if chosen else "",
        chosen.criterion if chosen else "",
        _accuracy(chosen.row.accuracy if chosen else None),
        theirs[1] if theirs else "",
        f"{theirs[0]:.3f}" if theirs else "",
        "" if difference is None else f"{100 * difference:.2f} points",
        str(table.done) if table.done == table.runs else f"{table.done} of {table.runs}",
        elapsed(result.seconds),
    )


def _blocks(result: PartResult, results: Sequence[PartResult]) -> Iterator[Block]:
    table = result.table
    yield table.study.description
    yield f"Run with {setup_text(table.study)}"
    if result.skipped:
        yield f"Not changed here, because this study varies it: {', '.join(result.skipped)}."
    yield from study_blocks(table)
    if result.part.compared:
        yield from _beside_baseline(table, results)


def _beside_baseline(table: StudyTable, results: Sequence[PartResult]) -> Iterator[Block]:
    """The accuracy of each network beside its accuracy in the baseline, if both are in this reproduction."""
    known: dict[Value, Aggregate] = {}
    for result in results:
        if result.part is BASELINE or result.part.preset == "future-more-models":
            known |= {row.value: row.accuracy for row in result.table.rows if row.accuracy is not None}
    pairs = [(row.label, row.accuracy, known[row.value]) for row in table.rows if row.accuracy and row.value in known]
    if not pairs:
        return
    rows = [
        (label, _accuracy(here), _accuracy(there), f"{here.mean - there.mean:+.4f}") for label, here, there in pairs
    ]
    yield "Compared with the baseline's settings:"
    yield Table((table.factor, "accuracy", "baseline", "difference"), tuple(rows), caption="Compared with the baseline")
    better = sum(here.mean > there.mean for _, here, there in pairs)
    networks = f"{better} of {pluralize(len(pairs), 'network')} {noun(better, 'is', 'are')}"
    yield f"{networks} more accurate than with the baseline's settings."


def _accuracy(score: Aggregate | None) -> str:
    return "" if score is None else f"{score.mean:.4f}"
