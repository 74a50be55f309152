"""The command line: `hyperdb serve`, `shell`, `check`, `backup`, `restore`, `stats`, `demo`, and the verbs around frames.

Theory: every verb works on a running server through its control socket, and on a closed directory by opening it; `target`
decides. Invariant: an expected failure is one line on standard error and exit status 1, never a traceback.
"""

from __future__ import annotations

import sys

from hyperdb.errors import CorruptError, HyperDBError

_WAY_OUT = "`hyperdb check DIR` lists all damage; `hyperdb restore BACKUP NEW_DIR` makes a database of a backup"


def main() -> None:
    """Runs the command line."""
    if sys.argv[1:2] != ["serve"]:
        # The other verbs.
        import hyperdb.cli.commands  # noqa: F401
    from hyperdb.cli.serving import application

    try:
        application(standalone_mode=True)
    except CorruptError as error:
        # The text names the file and the offset; here is what can be done about it.
        print(f"hyperdb: {error}. {_WAY_OUT}", file=sys.stderr)
        sys.exit(1)
    except HyperDBError as error:
        print(f"hyperdb: {error}", file=sys.stderr)
        sys.exit(1)
