"""The errors that a person can meet: what happened, why, and what to do next."""

from __future__ import annotations


class CnnTuiError(Exception):
    """An expected failure, shown without a traceback.

    Args:
        title: what happened, in a few words.
        detail: the reason, naming the file, field or value concerned.
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
    """A preset file that cannot be read as one."""

    exit_code = 2


class DataError(CnnTuiError):
    """Pictures or labels that are missing or unusable."""

    exit_code = 3


class WeightsError(CnnTuiError):
    """Pretrained weights that are missing, damaged or of another model."""

    exit_code = 3


class SessionNotFoundError(CnnTuiError):
    """No session answers to this name."""

    exit_code = 4


class StorageError(CnnTuiError):
    """A file that could not be written or read back."""


class OutputError(CnnTuiError):
    """Results that could not be printed, on a full disk for example."""


class UnreadOutputError(OutputError):
    """Whoever read the output has closed the pipe, as ``head`` does, and need not be told."""


class TrainingError(CnnTuiError):
    """A run that could not go on."""
