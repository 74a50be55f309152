"""Takes checks out of verifiable encryption, one at a time, and shows that a test notices.

`python tests/mutation/verenc.py [number...]`. Theory: as in `native.py`, for native/verenc: what a verifier or a recipient looks
at, and what every hash is bound to. Fuzzers are left out: they look for panics. Not part of `make test`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Mutation:
    """A check, and what stands in its place when it is gone."""

    what: str
    file: str
    old: str
    new: str


MUTATIONS = [
    Mutation(
        "the challenge follows from all", "verify.rs", "|| challenge(digest, &proof.commitments, &sealed) != proof.challenge", ""
    ),
    Mutation(
        "shares are those of the polynomials",
        "verify.rs",
        "if !are_of_the_polynomials(statement, &shares, &proof, &points) {",
        "if false {",
    ),
    Mutation("each share has a factor of its own", "verify.rs", "Scalar::from_bytes(&bytes)", "Some(Scalar::ONE)"),
    Mutation(
        "equations are times four",
        "verify.rs",
        "commit(&values).times_four() == sum(&terms).times_four()",
        "commit(&values) == sum(&terms)",
    ),
    Mutation("a proof has one length", "proof.rs", "if bytes.len() != proof_bytes(W) {", "if bytes.len() < proof_bytes(W) {"),
    Mutation(
        "points are points",
        "proof.rs",
        "Point::decode(bytes).ok_or(Refusal::Point(what))",
        "Ok(Point::decode(bytes).unwrap_or_default())",
    ),
    Mutation(
        "numbers are below the order",
        "proof.rs",
        "Scalar::from_bytes(&self.array()?).ok_or(Refusal::Scalar(what))?",
        "Scalar::from_bytes(&self.array()?).unwrap_or_default()",
    ),
    Mutation("the statement is no neutral point", "recipient.rs", "!point.is_neutral() && ", ""),
    Mutation("the statement is of the prime group", "recipient.rs", " && point.is_in_prime_group()", ""),
    Mutation("the recipient clears torsion", "recipient.rs", "point.times_four()", "point"),
    Mutation("hashes are bound to the recipient", "statement.rs", ".part(&recipient.bytes)", ".part(&[])"),
    Mutation("hashes are bound to the statement", "statement.rs", ".part(bytes)", ".part(&[])"),
    Mutation("hashes are bound to the context", "statement.rs", ".part(context)", ".part(&[])"),
    Mutation(
        "what is recovered is the statement's",
        "recover.rs",
        "if commit(&secrets).times_four() == statement.point.times_four() {",
        "if true {",
    ),
    Mutation("the key is the recipient's", "recover.rs", "if key.public() != statement.recipient.bytes() {", "if false {"),
    Mutation("a proof is of the secrets given", "prove.rs", "if commit(secrets) != statement.point {", "if false {"),
    Mutation("a chunk's opening is what was proved", "chunk.rs", "match matches {", "match true {"),
    Mutation("a chunk's proof is bound to its ciphertext", "chunk.rs", ".part(ciphertext)", ".part(&[])"),
    Mutation("a chunk is of 54 bytes", "chunk.rs", "(any == 0).then", "(any == any).then"),
]


def outcome(native: Path, target: Path) -> str:
    """`passed`, the first test that failed, or that it was not built."""
    command = ["cargo", "test", "-q", "-p", "hyperdb-verenc", "--lib", "--test=verifiable", "--no-fail-fast"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(target), "RUST_BACKTRACE": "0"}
    done = subprocess.run([*command, "--", "--skip", "fuzzing"], cwd=native, capture_output=True, text=True, env=environment)
    if done.returncode == 0:
        return "passed"
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("---- ")]
    return failed[0] if failed else "not built:\n" + done.stderr[-2000:]


def main() -> int:
    """Runs the mutations chosen."""
    chosen = [int(number) for number in sys.argv[1:]] or range(len(MUTATIONS))
    survived = 0
    with tempfile.TemporaryDirectory() as folder:
        native = Path(folder) / "native"
        shutil.copytree(ROOT / "native", native, ignore=shutil.ignore_patterns("target", "corpus"))
        target = Path(os.environ.get("MUTATION_TARGET", Path(folder) / "target"))
        for number in chosen:
            mutation = MUTATIONS[number]
            file = native / "verenc/src" / mutation.file
            text = file.read_text()
            assert mutation.old in text, f"{mutation.file} no longer has {mutation.old!r}"
            file.write_text(text.replace(mutation.old, mutation.new, 1))
            found = outcome(native, target)
            file.write_text(text)
            caught = found != "passed" and not found.startswith("not built")
            survived += not caught
            print(f"{'caught  ' if caught else 'SURVIVED'} {number:2} {mutation.what}: {found}", flush=True)
    print(f"{len(chosen) - survived} caught, {survived} not")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
