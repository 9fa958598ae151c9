"""What Studies says around its form and table. No widget and no I/O in here."""

from __future__ import annotations

from textual.content import Content

from cnn_tui.config.fields import field
from cnn_tui.config.study import StudyPreset
from cnn_tui.formatting import pluralize, printable
from cnn_tui.tui.forms.study_fields import SPECS, as_list, factor_title
from cnn_tui.tui.job_state import JobState
from cnn_tui.tui.screen_keys import key_of
from cnn_tui.tui.screens.studies_draft import SOURCE
from cnn_tui.tui.screens.studies_files import StudyEntry
from cnn_tui.tui.study_estimate import StudyEstimate
from cnn_tui.tui.widgets.title_bar import run_text

_SOURCES = {
    "draft": SOURCE,
    "latest": "run last",
    "own": "your study",
    "shipped": "shipped study",
    "past": "run before",
}


def source(entry: StudyEntry) -> str:
    """Where a study comes from."""
    return _SOURCES[entry.origin]


def heading(study: StudyPreset, where: str) -> Content:
    """The name of a study, what it varies, and where it comes from."""
    return Content.assemble(
        (printable(study.name), "bold"), (f"  {printable(varied(study))}", ""), (f"  {where}", "$foreground-muted")
    )


def varied(study: StudyPreset) -> str:
    """What a study varies, such as "learning rate: 0.001, 0.01, 3 seeds each"."""
    words = f"{factor_title(study.factor).lower()}: {as_list(study.values)}"
    if study.second_factor is not None:
        words += f" with {factor_title(study.second_factor).lower()}: {as_list(study.second_values)}"
    return words + (f", {pluralize(study.repeats, 'seed')} each" if study.repeats > 1 else "")


def help_of(name: str, path: str) -> Content:
    """What a field of the form is for; ``path`` is the setting that it is about, empty for none."""
    spec = SPECS[name]
    if not path:
        return Content.assemble((spec.title, "bold $text"), f"  {spec.bounds}\n{spec.description}")
    setting = field(path)
    return Content.assemble((setting.title, "bold $text"), f"  {setting.bounds}\n{setting.description}")


def bar(problem: str, going: JobState | None, busy: bool, estimate: StudyEstimate | None) -> str:
    """Why a study cannot start, how far it is, or what it will take."""
    if problem:
        return f"✗ Cannot start: {problem}"
    if going is not None:
        return _progress(going)
    if busy:
        return f"Something else is going on: press {key_of('live')} to watch it. The next can start when it has ended."
    if estimate is not None and not estimate.left:
        return f"✓ Done: {estimate.words}"
    return f"✓ Ready: {estimate.words}" if estimate else "✓ Ready"


def _progress(state: JobState) -> str:
    ended = f"{len(state.history.ended)} of {pluralize(len(state.job.runs), 'run')} ended"
    if state.stage in ("starting", "stopping", "paused"):
        return f"{ended} · {state.stage}" + ("…" if state.stage != "paused" else "")
    together = f" · {len(state.running)} together" if len(state.running) > 1 else ""
    doing = run_text(state.run).partition(" · ")[2]
    return f"▶ {ended}{together} · {doing}" if doing else f"▶ {ended}"
