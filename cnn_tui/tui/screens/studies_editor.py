"""The editor of a study: its name and base, the form, and help for the focused field."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from cnn_tui.config.fields import field
from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.formatting import printable
from cnn_tui.reports.studies.document import setup_text
from cnn_tui.tui.forms.study_form import STUDY_FIELDS, StudyForm, factor_title
from cnn_tui.tui.screens.studies_files import Origin, StudyEntry
from cnn_tui.tui.screens.studies_list import factor_texts

_LEARNING_RATE = "training.optimizer.learning_rate"
_LONGEST_NAME = 200
_BY = " by "
_ORIGINS: dict[Origin, str] = {
    "draft": "new, not saved",
    "latest": "last run, not saved",
    "own": "your study",
    "shipped": "shipped study",
    "past": "past study",
}


class StudyEditor(Vertical):
    """The form of a study with its heading and help. A draft is named after its factors.

    Attributes:
        last_valid: the last valid content of the form.
    """

    DEFAULT_CSS = """
    StudyEditor { height: auto; }
    """

    @dataclass
    class Changed(Message):
        """The study in the form or its validity has changed."""

        editor: StudyEditor

    def __init__(self) -> None:
        super().__init__()
        self.last_valid = new_study(None)
        self._origin: Origin = "draft"
        self._setup_preset: RunPreset | None = None
        self._form = StudyForm(self.last_valid)

    def compose(self) -> ComposeResult:
        """The heading, the form and the help."""
        yield Static("", id="heading", markup=False)
        yield Static("", id="base", markup=False)
        yield self._form
        yield Static("", id="help", markup=False)

    @property
    def study(self) -> StudyPreset | None:
        """The study in the form, None while it is invalid."""
        return self._form.to_model()

    @property
    def error(self) -> str:
        """The first error in the form; empty if there is none."""
        return self._form.error

    @property
    def draft(self) -> StudyPreset:
        """A new study of the preset in Setup."""
        return new_study(self._setup_preset)

    @property
    def base(self) -> RunPreset:
        """The base of the study as a preset."""
        study = self.last_valid
        return RunPreset(name=study.name, description=f"The base of the study {study.name}.", experiment=study.base)

    @property
    def is_form_visible(self) -> bool:
        """Whether the form is shown."""
        return self._form.display

    def load(self, entry: StudyEntry, values: str | None = None) -> None:
        """Show a study, with the text ``values``, if given, in place of its values."""
        self._origin = entry.origin
        self._form.load(entry.study, values)

    def follow_setup(self, preset: RunPreset | None) -> None:
        """Base the draft on the preset in Setup; a draft in the form is replaced unless the user has edited it."""
        before, self._setup_preset = self.draft, preset
        if self._origin == "draft" and self.study == before:
            self._form.load(self.draft)

    def focus_values(self) -> None:
        """Focus the values."""
        self._form.focus_field("values")

    def focus_error(self) -> None:
        """Focus the first field with an error."""
        self._form.focus_error()

    @on(StudyForm.Changed)
    def _form_changed(self, event: StudyForm.Changed) -> None:
        event.stop()
        study = event.study
        if study is not None and self._origin == "draft" and study != (renamed := named_after_factors(study)):
            self._form.load(renamed)
            return
        self.last_valid = study or self.last_valid
        self.query_one("#heading", Static).update(_heading(self.last_valid, self._origin))
        self.query_one("#base", Static).update(Content(printable(setup_text(self.last_valid))))
        self.post_message(self.Changed(self))

    @on(StudyForm.FieldFocused)
    def _field_focused(self, event: StudyForm.FieldFocused) -> None:
        event.stop()
        self.query_one("#help", Static).update(_help(event.name, event.setting))


def new_study(preset: RunPreset | None, factor: str = _LEARNING_RATE) -> StudyPreset:
    """A new study of a preset, by default over its learning rate, a tenth and ten times of it."""
    preset = preset or RunPreset()
    current: object = preset.experiment
    for part in factor.split("."):
        current = getattr(current, part)
    values: tuple[object, ...] = (current,)
    if factor == _LEARNING_RATE:
        rate = preset.experiment.training.optimizer.learning_rate
        values = tuple(float(f"{value:g}") for value in (rate / 10, rate, rate * 10) if 0 < value <= 1000)
    study = {"name": preset.name, "base": preset.experiment, "factor": factor, "values": values}
    return named_after_factors(StudyPreset.model_validate(study))


def named_after_factors(study: StudyPreset) -> StudyPreset:
    """A draft whose name ends in its factors, such as "digits by learning rate"."""
    paths = [path for path in (study.factor, study.second_factor) if path]
    end = _BY + " and ".join(factor_title(path).lower() for path in paths)
    if study.name.endswith(end):
        return study
    stem = study.name.rpartition(_BY)[0] or study.name
    return study.model_copy(update={"name": stem[: _LONGEST_NAME - len(end)] + end})


def _heading(study: StudyPreset, origin: Origin) -> Content:
    """The name of a study, its factors, and its origin."""
    return Content.assemble(
        (printable(study.name), "bold"),
        f"  {' · '.join(factor_texts(study))}",
        (f"  {_ORIGINS[origin]}", "$foreground-muted"),
    )


def _help(name: str, path: str) -> Content:
    """The title, bounds and description of a field, or of the setting that it varies if ``path`` is not empty."""
    spec = field(path) if path else STUDY_FIELDS[name]
    return Content.assemble((spec.title, "bold $text"), f"  {spec.bounds}\n{spec.description}")
