"""A sample of bad input for commands, answered as Redis 7.2.6 answered it, and nothing of it changes what it should not.

The sample was recorded by `python compat-tests/resp/bad_input.py --ways plain2 --record tests/golden/resp/bad_input.jsonl`, which
runs far more beside a real Redis. Each case finds the data set of `bad.peer` as it was made.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import hyperdb

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "compat-tests" / "resp"))

from bad.peer import Peer  # noqa: E402

SAMPLE = ROOT / "tests" / "golden" / "resp" / "bad_input.jsonl"


def test_bad_input_is_answered_as_by_redis() -> None:
    cases = [json.loads(line) for line in SAMPLE.read_text().splitlines()]
    assert len(cases) > 1000
    wrong = []
    with hyperdb.open(":memory:", frames=None) as database, database.serve(resp="127.0.0.1:0", control=False) as served:
        _, port = served.resp_address or ("", 0)
        peer = Peer("hyperdb", port, 2)
        peer.load()
        for words, replies in cases:
            said = list(map(str, peer.ask([tuple(words)], may_wait=False)))
            if said != replies:
                wrong.append(f"{words}\n  hyperdb {said}\n  redis   {replies}")
            if not said[-1].startswith("-"):
                peer.load()
        peer.close()
    assert not wrong, f"{len(wrong)} of {len(cases)}:\n" + "\n".join(wrong[:10])
