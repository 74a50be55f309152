"""The command line: `hyperdb serve`, `shell`, `check`, `backup`, `restore`, `stats`, `demo`.

Theory: every verb works on a running server through its control socket, and on a closed directory by opening it; `target`
decides. Invariant: an expected failure is one line on standard error and exit status 1, never a traceback.
"""

from __future__ import annotations

import sys

from hyperdb.cli.commands import application
from hyperdb.errors import HyperDBError


def main() -> None:
    """Runs the command line."""
    try:
        application(standalone_mode=True)
    except HyperDBError as error:
        print(f"hyperdb: {error}", file=sys.stderr)
        sys.exit(1)
