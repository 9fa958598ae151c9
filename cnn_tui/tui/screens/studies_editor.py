"""The study that a person works on: its name, its base in words, its form, and what its fields are for."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from cnn_tui.config.preset import RunPreset
from cnn_tui.config.study import StudyPreset
from cnn_tui.formatting import printable
from cnn_tui.reports.studies.document import setup_text
from cnn_tui.tui.forms.study_form import StudyForm
from cnn_tui.tui.screens import studies_draft, studies_words
from cnn_tui.tui.screens.studies_files import StudyEntry


class StudyEditor(Vertical):
    """A form, and where the study in it comes from. A draft is named after what it varies.

    Attributes:
        last: what stood in the form when nothing was wrong in it.
    """

    DEFAULT_CSS = """
    StudyEditor { height: auto; }
    """

    @dataclass
    class Changed(Message):
        """Another study stands in it, or something in it is wrong now or no longer."""

        editor: StudyEditor

    def __init__(self) -> None:
        super().__init__()
        self.last = studies_draft.draft(None)
        self._source = studies_draft.SOURCE
        self._edited: RunPreset | None = None
        self._form = StudyForm(self.last)

    def compose(self) -> ComposeResult:
        """What it is above the form, the help below."""
        yield Static("", id="heading", markup=False)
        yield Static("", id="base", markup=False)
        yield self._form
        yield Static("", id="help", markup=False)

    @property
    def study(self) -> StudyPreset | None:
        """The study in the form, None while anything is wrong in it."""
        return self._form.to_model()

    @property
    def problem(self) -> str:
        """What is wrong first, in words; empty for nothing."""
        return self._form.problem

    @property
    def draft(self) -> StudyPreset:
        """A study to begin with, of what stands in Setup's form."""
        return studies_draft.draft(self._edited)

    @property
    def shows_form(self) -> bool:
        """Whether the form is there to be seen."""
        return self._form.display

    def load(self, entry: StudyEntry, values: str | None = None) -> None:
        """Show a study; with ``values``, these words in place of its values."""
        self._source = studies_words.source(entry)
        self._form.load(entry.study, values)

    def follow_setup(self, preset: RunPreset | None) -> None:
        """Take Setup's form as base of the draft, unless a person has made something else of that."""
        before, self._edited = self.draft, preset
        if self.study == before and self._source == studies_draft.SOURCE:
            self._form.load(self.draft)

    def focus_values(self) -> None:
        """Put the cursor into the values."""
        self._form.focus_field("values")

    def show_trouble(self) -> None:
        """Put the cursor into the field that is wrong."""
        self._form.focus_problem()

    @on(StudyForm.Changed)
    def _form_changed(self, event: StudyForm.Changed) -> None:
        event.stop()
        study = event.study
        if study is not None and self._source == studies_draft.SOURCE and not studies_draft.well_named(study):
            self._form.load(studies_draft.named(study))
            return
        self.last = study or self.last
        self.query_one("#heading", Static).update(studies_words.heading(self.last, self._source))
        self.query_one("#base", Static).update(Content(printable(setup_text(self.last))))
        self.post_message(self.Changed(self))

    @on(StudyForm.FieldFocused)
    def _field_focused(self, event: StudyForm.FieldFocused) -> None:
        event.stop()
        self.query_one("#help", Static).update(studies_words.help_of(event.name, event.varied))
