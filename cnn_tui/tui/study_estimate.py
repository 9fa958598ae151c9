"""What a study will take: its runs, the computations that they share, and the time by past runs. No I/O in here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cnn_tui.config.experiment import Experiment
from cnn_tui.config.study import training_groups
from cnn_tui.formatting import duration, pluralize


@dataclass(frozen=True)
class StudyEstimate:
    """What is known of a study beforehand.

    Attributes:
        runs: all of its runs; ``left`` is how many are not on record yet.
        computations: how often something is trained for those that are left.
        seconds: the time for them, None where a past run of the kind is missing.
    """

    runs: int
    left: int
    computations: int
    seconds: float | None

    @property
    def words(self) -> str:
        """The same in one line."""
        if not self.left:
            return f"all {pluralize(self.runs, 'run')} are there" if self.runs > 1 else "its run is there"
        there = self.runs - self.left
        runs = f"{self.left:,} of {pluralize(self.runs, 'run')} left" if there else pluralize(self.runs, "run")
        shared = f"in {pluralize(self.computations, 'computation')}" if self.computations < self.left else ""
        time = "time not known yet" if self.seconds is None else f"about {duration(max(1.0, self.seconds))}"
        return f"{runs} {shared}".rstrip() + f" · {time}"


def estimate_study(
    runs: int, left: Sequence[Experiment], alone: bool, seconds_of: Callable[[Experiment], float | None]
) -> StudyEstimate:
    """Estimate what is left of a study of so many runs.

    Args:
        alone: every run is trained on its own.
        seconds_of: the time for one run by past ones. Runs that share a computation take that of the longest.
    """
    groups = [(place,) for place in range(len(left))] if alone else training_groups(left)
    times = [seconds_of(max((left[place] for place in group), key=lambda one: one.training.epochs)) for group in groups]
    known = [time for time in times if time is not None]
    seconds = sum(known) if len(known) == len(times) else None
    return StudyEstimate(runs, len(left), len(groups), seconds)
