"""The errors that users can see: what happened, why, and what to do next."""

from __future__ import annotations


class CnnTuiError(Exception):
    """An expected failure, shown without a traceback.

    Args:
        title: what happened, in a few words.
        detail: the reason, with the file, field or value.
        hint: the next step.
    """

    exit_code = 1

    def __init__(self, title: str, detail: str = "", hint: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join(part for part in (self.title, self.detail, self.hint) if part)

    def __reduce__(self) -> tuple[type[CnnTuiError], tuple[str, str, str]]:
        return type(self), (self.title, self.detail, self.hint)


class ConfigError(CnnTuiError):
    """A setting that is not allowed."""

    exit_code = 2


class PresetError(CnnTuiError):
    """An invalid preset file."""

    exit_code = 2


class BundleError(CnnTuiError):
    """A file that is not a bundle of a session, or an unsafe one."""

    exit_code = 2


class DataError(CnnTuiError):
    """Images or labels that are missing or unusable."""

    exit_code = 3


class WeightsError(CnnTuiError):
    """Weights that are missing, damaged or for a different model."""

    exit_code = 3


class SessionNotFoundError(CnnTuiError):
    """No session, or more than one, matches a name."""

    exit_code = 4


class QueueEntryNotFoundError(CnnTuiError):
    """The queue has no such job, or not in this state."""

    exit_code = 4


class ServiceError(CnnTuiError):
    """The background service cannot be reached or refuses a request."""


class StorageError(CnnTuiError):
    """A file that cannot be written or read."""


class OutputError(CnnTuiError):
    """Output that cannot be written, to a full disk for example."""


class OutputClosedError(OutputError):
    """The reader of the output has closed the pipe, as ``head`` does; no message is needed."""


class TrainingError(CnnTuiError):
    """A run that cannot continue."""
