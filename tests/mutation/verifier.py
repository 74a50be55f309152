"""Takes checks out of the Python verifier, one at a time, and shows that a forgery of the vectors notices: `python
tests/mutation/verifier.py`.

Theory: a test of a threat is worth something if it fails without the check. The verifier is copied out of the package first,
which also shows that it runs alone. Checks that another one backs (a spare row also shows a spare slot) are not in the table.
Not part of `make test`: it says the same until verifier or vectors change.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
VECTORS = ROOT / "tests/golden/proofs/vectors.json"

# File, what is there, what is put instead, and the forgery that must then not be refused by its check.
MUTATIONS = [
    ("opening.py", "if not pairing_equal(", "if False and not pairing_equal(", "another value"),
    ("opening.py", "infinity=False)", "infinity=True)", "infinity as a commitment"),
    ("curve.py", "if not _in_subgroup(x, y):", "if False:", "D off the subgroup"),
    ("curve.py", "if flags & 6 != 4 or x >= P:", "if flags & 2 or x >= P:", "pi uncompressed"),
    ("tree.py", "if slot <= last:", "if slot < last:", "a slot shown twice"),
    (
        "tree.py",
        "if not shape.place(leaf.key).startswith(",
        "if False and not shape.place(leaf.key).startswith(",
        "a leaf at another key's place",
    ),
    ("tree.py", "if not self.knows(slot):", "if False:", "a row hidden"),
    ("tree.py", "if len(path) + skipped >= MAX_STEPS:", "if False:", "a path too deep"),
    (
        "bundle.py",
        'raise VerificationError("claim", "slots are shown',
        'print("claim", "slots are shown',
        "more slots than needed",
    ),
    ("bundle.py", "if root_digest(top) != header.app_tree:", "if False:", "adds and removes of another header"),
    (
        "bundle.py",
        'raise VerificationError("claim", "the app tree does not',
        'print("claim", "the app tree does not',
        "the app as absent",
    ),
    ("bundle.py", "    _check_seen(seen, header, contains)", "    pass", "an older frame"),
    ("bundle.py", "if isinstance(trusted, Root) and header.root != trusted.digest:", "if False:", "another root pinned"),
    ("header.py", 'if not ed448.verify(public, header, signature, b"hyperdb/frame"):', "if False:", "a frame signed by nobody"),
    ("header.py", "frame(frame_.hash_key) + ", "frame(bytes(range(16))) + ", "another hash key under the owner's word"),
    ("queries.py", "if leaf.row is None:", "if False:", "a row not claimed"),
    ("rows.py", "if self.form != DIGEST and packed !=", "if False and packed !=", "packed row as plain"),
    ("opening.py", "if not pairing_equal(", "if False and not pairing_equal(", "many slots as one"),
    ("opening.py", "if not pairing_equal(", "if False and not pairing_equal(", "a lone root in another slot"),
    ("tree.py", "if leaf.slot_value != lone.scalar:", "if False:", "another header than the lone leaf"),
    ("tree.py", "if slot > 63 or not 0 < value < R:", "if slot > 63:", "a lone leaf's scalar beyond r"),
    ("tree.py", "if steps >= MAX_STEPS:", "if False:", "a lone root too deep"),
    ("tree.py", "self.only not in (None, slot)", "True", "a row hidden"),
    ("wire.py", "if value >> 64 or (byte == 0 and shift):", "if value >> 64:", "a version in a longer form"),
    ("wire.py", "if value >> 64 or (byte == 0 and shift):", "if byte == 0 and shift:", "a version too large"),
    ("wire.py", "if value <= 247 or body[0] == 0:", "if False:", "a number in a longer form"),
    ("wire.py", "if self.at != len(self.data):", "if False:", "one byte more"),
]

RUN = """
import json, sys
sys.path.insert(0, sys.argv[1])
from verify import Limits, OwnerKey, Root, Seen, StoreKey, VerificationError, verify
vector = json.loads(sys.argv[2])
pin = {"root": Root, "store": StoreKey, "owner": OwnerKey}[vector["pin"]](bytes.fromhex(vector["trusted"]))
seen = vector.get("seen", "").split(":")
seen = Seen(int(seen[0]), bytes.fromhex(seen[1])) if seen[0] else None
try:
    verify(bytes.fromhex(vector["bundle"]), trusted=pin, seen=seen)
    print("ok")
except VerificationError as refused:
    print(refused.check)
"""


def outcome(folder: Path, vector: dict[str, str]) -> str:
    """What the verifier in a folder says of a vector; an exception of another kind is told as such."""
    command = [sys.executable, "-P", "-c", RUN, str(folder), json.dumps(vector)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    return (done.stdout.split() or ["died: " + done.stderr.strip().splitlines()[-1]])[-1]


def main() -> int:
    vectors = {vector["name"]: vector for vector in json.loads(VECTORS.read_text())}
    survived = 0
    for file, old, new, name in MUTATIONS:
        vector = vectors[name]
        with tempfile.TemporaryDirectory() as folder:
            copied = Path(folder) / "verify"
            shutil.copytree(ROOT / "hyperdb/commitment/verify", copied)
            text = (copied / file).read_text()
            assert old in text, f"{file} no longer has {old!r}"
            (copied / file).write_text(text.replace(old, new))
            found = outcome(Path(folder), vector)
        caught = found != vector["expect"]
        survived += not caught
        print(f"{'caught  ' if caught else 'SURVIVED'} {file:12} {name}: {vector['expect']} became {found}", flush=True)
    print(f"{len(MUTATIONS) - survived} passed, {survived} failed")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
