"""Why a session has no curves, or none of validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cnn_tui.reports.session_data import SessionData


def missing_curves(sessions: Sequence[SessionData], letters: Sequence[str]) -> Iterator[str]:
    """A sentence for each reason why curves are missing, with the letters of the sessions that it holds for."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for letter, session in zip(letters, sessions, strict=True):
        reason = why_missing(session)
        if reason is not None:
            reasons.setdefault(reason, []).append(letter)
    for (what, why), found in reasons.items():
        yield f"{_listed(found)} {'has' if len(found) == 1 else 'have'} no {what}: {why}."


def why_missing(session: SessionData) -> tuple[str, str] | None:
    """Which curves of a session are missing, and why; None if none are."""
    if session.events_damage:
        return "curves", "the event log is damaged"
    if not session.epochs:
        return "curves", _no_epochs(session)
    if all(epoch.validation_loss is None for epoch in session.epochs):
        none_kept = session.record.experiment.data.validation_fraction == 0
        return "validation curves", "validation_fraction is 0" if none_kept else "there were no validation pictures"
    return None


def _no_epochs(session: SessionData) -> str:
    record = session.record
    if record.live:
        return "the first epoch has not ended yet"
    return "no epochs are on record" if record.status == "done" else f"{record.status} before the first epoch ended"


def _listed(letters: Sequence[str]) -> str:
    return letters[0] if len(letters) == 1 else f"{', '.join(letters[:-1])} and {letters[-1]}"
