"""A trainer process from its parent's side."""

from __future__ import annotations

from collections.abc import Callable

from cnn_tui.errors import TrainingError
from cnn_tui.trainer.crash_report import LOG_NAME
from cnn_tui.trainer.piped_process import PipedProcess
from cnn_tui.trainer.protocol import MAX_MESSAGE_BYTES, Command, Message, ShutdownMode, parse_message, to_line


class Child(PipedProcess):
    """A trainer process and the thread that reads its messages.

    Args:
        runner: the function that runs jobs, as ``module:function``.
        when_abandoned: what the process does with its job if this process disappears.
        on_message: called with each message, in the reading thread.
        on_exit: called there once, after the last message, with the exit status (negative: a signal).
        gpu: the index of the GPU that jobs use which do not ask for a certain one.

    Raises:
        TrainingError: the process could not be started.
    """

    def __init__(
        self,
        runner: str,
        when_abandoned: ShutdownMode,
        on_message: Callable[[Child, Message], None],
        on_exit: Callable[[Child, int], None],
        gpu: int | None = None,
    ) -> None:
        arguments = ["--runner", runner, "--when-abandoned", when_abandoned]
        arguments += [] if gpu is None else ["--gpu", str(gpu)]
        try:
            super().__init__(
                "cnn_tui.trainer.serve",
                arguments,
                LOG_NAME,
                MAX_MESSAGE_BYTES,
                lambda line: on_message(self, parse_message(line)),
                lambda code: on_exit(self, code),
            )
        except OSError as error:
            hint = "Free some memory, or start the workbench with --in-process."
            raise TrainingError("The trainer could not be started", str(error), hint) from error

    def send(self, command: Command) -> bool:
        """Send a command; False if the process is gone."""
        return self.send_line(to_line(command))
