"""``cnn-tui`` and ``python -m cnn_tui``: the command line, and its exit code."""

from __future__ import annotations

import sys

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import guarded


def main() -> None:
    """Run the command that ``sys.argv`` asks for."""
    sys.exit(guarded(cli))


if __name__ == "__main__":
    main()
