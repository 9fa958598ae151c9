"""``cnn-tui`` and ``python -m cnn_tui``: the command line, and its exit code."""

from __future__ import annotations

import gc
import sys

from cnn_tui.cli.main import cli
from cnn_tui.cli.output import check_standard_streams, guarded


def main() -> None:
    """Run the command that ``sys.argv`` asks for."""
    check_standard_streams()
    code = guarded(cli)
    gc.freeze()  # The interpreter's last collections would walk through all of PyTorch, which takes a second.
    sys.exit(code)


if __name__ == "__main__":
    main()
