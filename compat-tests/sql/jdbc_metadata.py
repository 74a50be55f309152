"""pgjdbc on HyperDB and on PostgreSQL: python compat-tests/sql/jdbc_metadata.py [--source POSTGRESQL.JAR]

Purpose: jdbc/Check.java asks DatabaseMetaData for everything that tools build on, and uses batches, types in binary, cursors,
savepoints, COPY and time limits; what it prints must be the same on both servers. The driver comes from Maven's repository.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from suites import Peer, arguments, hyperdb_server, postgresql, scratch

DRIVER = "org.postgresql:postgresql:42.7.8"
CHECK = Path(__file__).with_name("jdbc") / "Check.java"


def said(jar: Path, peer: Peer) -> list[str]:
    """The lines that the check prints."""
    url = f"jdbc:postgresql://{peer.host}:{peer.port}/{peer.database}?user={peer.user}"
    done = subprocess.run(["java", "-cp", str(jar), str(CHECK), url], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{peer.name}: {done.stderr[-2000:]}")
    return done.stdout.splitlines()


def main() -> None:
    chosen = arguments(__doc__ or "")
    with scratch("jdbc", chosen.home) as home:
        jar = chosen.source
        if jar is None:
            if shutil.which("mvn") is None:
                sys.exit("mvn is not here: install maven and a JDK 17, or name the driver with --source.")
            fetch = ["mvn", "-q", "dependency:copy", f"-Dartifact={DRIVER}", f"-DoutputDirectory={home}"]
            subprocess.run(fetch, cwd=home, check=True)
            (jar,) = home.glob("postgresql-*.jar")
        with postgresql() as peer:
            theirs = said(jar, peer)
        with hyperdb_server() as peer:
            ours = said(jar, peer)
    missing = [line for line in theirs if line not in ours]
    extra = [line for line in ours if line not in theirs]
    for name, lines in (("PostgreSQL", missing), ("HyperDB", extra)):
        for line in lines:
            print(f"only {name}: {line[:400]}")
    wanted, got = (sum(line.startswith("ok ") for line in lines) for lines in (theirs, ours))
    print(f"pgjdbc: PostgreSQL passes {wanted} steps, HyperDB {got}; {len(missing) + len(extra)} lines differ of {len(theirs)}")
    sys.exit(0 if wanted and got >= wanted and not extra and not missing else 1)


if __name__ == "__main__":
    main()
