"""A job: one run or the runs of a study, as the command line or the workbench starts it."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import Field

from cnn_tui.config.changes import preset_with_absolute_paths, study_with_absolute_paths
from cnn_tui.config.experiment import FrozenModel
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import Cell, StudyPreset


class Job(FrozenModel):
    """A preset to run. ``plain`` and ``fresh`` only affect studies.

    Attributes:
        plain: train every run on its own instead of sharing work between runs.
        fresh: repeat runs that an earlier study finished with the same settings, and begin interrupted ones again.
        resume: the id of a session whose run continues; the preset is that of the session.
        beside: start although another job uses the device.
    """

    preset: Annotated[RunPreset | StudyPreset, Field(discriminator="kind")]
    plain: bool = False
    fresh: bool = False
    resume: str | None = None
    beside: bool = False

    @property
    def study(self) -> StudyPreset | None:
        """The study, None if the job is a single run."""
        return self.preset if isinstance(self.preset, StudyPreset) else None

    @property
    def kind(self) -> str:
        """What to call the job in a sentence: "run" or "study"."""
        return self.preset.kind

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of the study, in the order of its table; empty for a single run."""
        return () if self.study is None else tuple(self.study.cells())

    @cached_property
    def runs(self) -> tuple[RunPreset, ...]:
        """Every run of the job as a preset of its own. Job events refer to them by index."""
        if isinstance(self.preset, RunPreset):
            return (self.preset,)
        return tuple(cell.preset(self.preset) for cell in self.cells)

    def with_absolute_paths(self) -> Job:
        """The same job with absolute paths in its settings, so that it means the same from any folder.

        Raises:
            ConfigError: two values of the study are the same file.
        """
        preset = self.preset
        if isinstance(preset, RunPreset):
            return self.with_preset(preset_with_absolute_paths(preset))
        return self.with_preset(study_with_absolute_paths(preset))

    def with_preset(self, preset: RunPreset | StudyPreset) -> Job:
        """The same job with another preset. ``model_copy`` would copy the cached runs of the old one too."""
        return Job(preset=preset, plain=self.plain, fresh=self.fresh, resume=self.resume, beside=self.beside)
