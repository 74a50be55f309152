r"""psql's describing commands: python compat-tests/sql/psql_describe.py

Purpose: each asks the catalogs dozens of things at once; none may give an error, and those that show a table name what it has.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

import hyperdb

MADE = """
CREATE TABLE parent (id int PRIMARY KEY, a text NOT NULL DEFAULT 'x', b numeric(10,2) CHECK (b > 0), UNIQUE (a));
CREATE TABLE child (id bigserial PRIMARY KEY, p int REFERENCES parent (id) ON DELETE CASCADE, e timestamptz DEFAULT now());
CREATE INDEX child_idx ON child (p, e DESC);
CREATE VIEW v AS SELECT * FROM parent;
CREATE SEQUENCE s;
CREATE TYPE mood AS ENUM ('a', 'b');
CREATE DOMAIN pos AS int CHECK (value > 0);
COMMENT ON TABLE parent IS 'the parent'; COMMENT ON COLUMN parent.a IS 'a column'
"""
COMMANDS = r"""
\d|\d+|\dt|\dt+|\di|\di+|\dv|\dv+|\ds|\df|\df+ lower|\dn|\dn+|\du|\du+|\l|\l+|\dp|\dT|\dT+|\sf lower|\d v|\d+ v|\d s|\d child_idx
\dD|\dC|\do|\da|\db|\dg|\dO|\dL|\dx|\dy|\dE|\dm|\dd|\ddp|\dF|\dFd|\dFp|\dFt|\des|\det|\deu|\dew|\dRp|\dRs|\dA|\dS pg_class|\z
\drds|\dX|\dP|\dl|\sv v|\dconfig work_mem
"""
SHOWN = {
    r"\d parent": ("id | integer", "a | text |  | not null | 'x'", '"parent_pkey" PRIMARY KEY, btree (id)', 'TABLE "child"'),
    r"\d+ child": ("FOREIGN KEY (p) REFERENCES parent(id) ON DELETE CASCADE", '"child_idx" btree (p, e DESC)'),
    r"\df lower": ("pg_catalog | lower | text",),
}


def main() -> None:
    psql = shutil.which("psql")
    if psql is None:
        sys.exit("psql is not here: install postgresql-client.")
    bad = 0
    with hyperdb.open(":memory:", frames=None) as database:
        database.sql(MADE)
        serving = database.serve(sql="127.0.0.1:0", control=False)
        assert serving.sql_address is not None
        known = [psql, "-X", "-h", "127.0.0.1", "-p", str(serving.sql_address[1]), "-U", "postgres", "-d", "hyperdb"]
        commands = [each for line in COMMANDS.split("\n") for each in line.split("|") if each]
        for command in [*commands, *SHOWN]:
            done = subprocess.run([*known, "-P", "pager=off", "-P", "format=unaligned", "-P", "fieldsep= | ", "-c", command],
                                  capture_output=True, text=True, check=False)  # fmt: skip
            missing = [text for text in SHOWN.get(command, ()) if text not in done.stdout]
            if done.returncode or "ERROR" in done.stderr or missing:
                bad += 1
                print(f"{command}: {done.stderr.strip() or f'lacks {missing} in:'}")
                if missing:
                    print(done.stdout)
    print(f"psql: {len(commands) + len(SHOWN) - bad} of {len(commands) + len(SHOWN)} describing commands answered")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
