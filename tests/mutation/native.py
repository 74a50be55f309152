"""Takes checks out of the native verifier and its curve, one at a time, and shows that a test notices: `python
tests/mutation/native.py [number...]`.

Theory: as in `verifier.py`; here the ten threats that the design names, by the tests of the crate and the vectors of forgeries.
The crate is copied, and built with little optimization, since each mutation is a build of its own: half a minute of processor
time for each. Not part of `make test`.
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

    threat: int
    what: str
    file: str
    old: str
    new: str

    @property
    def tests(self) -> str:
        """Where it is noticed."""
        return "--lib" if self.file in UNIT_TESTED else "--test=proof_vectors"


UNIT_TESTED = {"hash.rs", "subgroup.rs", "combinations.rs", "setup.rs", "addition.rs"}
"""Files whose tests are their own; all others are noticed by the vectors."""

MUTATIONS = [
    Mutation(1, "parts are framed by their lengths", "hash.rs", "hasher.update((part.len() as u32).to_le_bytes());", ""),
    Mutation(1, "leaves and branches have tags of their own", "tree/leaf.rs", '"hyperdb/leaf"', '"hyperdb/branch"'),
    Mutation(1, "a leaf lies where its key says", "proof/pruned.rs", "if !place(&leaf.key)?.starts_with(path) {", "if false {"),
    Mutation(2, "the opening is looked at", "proof/checking.rs", "match holds {\n        true", "match true {\n        true"),
    Mutation(2, "all slots shown are opened", "proof/pruned.rs", "opened.push(Opened {", "let _ = (Opened {"),
    Mutation(
        3,
        "few points, two threads: the subgroup",
        "proof/checking.rs",
        "        match all_in_subgroup(Kernel::detect(), &points) {\n            true => Ok(()),",
        "        match true {\n            true => Ok(()),",
    ),
    Mutation(3, "few points, two threads: its outcome", "proof/checking.rs", "checked?;", "drop(checked);"),
    Mutation(3, "many points: the subgroup", "subgroup.rs", "&finite(combinations::sums(kernel, &points))", "&[]"),
    Mutation(
        3,
        "many points: factors of their own for each",
        "combinations.rs",
        "return usize::from(byte[0]) % (2 * TABLE + 1);",
        "return 40;",
    ),
    Mutation(3, "commitments are not infinity", "proof/checking.rs", "if points.iter().any(Point::is_infinity) {", "if false {"),
    Mutation(3, "scalars are below r", "ffi.rs", "unsafe { blst_scalar_fr_check(&scalar) }.then(", "true.then("),
    Mutation(3, "numbers have one encoding", "proof/wire.rs", "|| (byte == 0 && shift > 0)", ""),
    Mutation(
        4,
        "the first challenge binds what the proof is about",
        "opening.rs",
        "parts.extend([context.as_slice(), &count]);",
        "parts.extend([&[][..], &count]);",
    ),
    Mutation(
        4,
        "the first challenge binds values",
        "opening.rs",
        "parts.extend([commitment.as_slice(), slot, value.bytes()]);",
        "parts.extend([commitment.as_slice(), slot, &[]]);\n        let _ = value;",
    ),
    Mutation(
        4, "the second challenge binds D", "opening.rs", "&[&r.to_bytes(), quotients])", "&[&r.to_bytes(), &quotients[..0]])"
    ),
    Mutation(
        4,
        "slots are shown once",
        "proof/pruned.rs",
        ".is_some_and(|(last, _)| *last >= slot)",
        ".is_some_and(|(last, _)| *last > slot)",
    ),
    Mutation(5, "another key's leaf means absent", "proof/pruned.rs", "(leaf.key == key).then_some(leaf)", "Some(leaf)"),
    Mutation(
        5,
        "a slot that is needed is shown",
        "proof/pruned.rs",
        "            Shown::Hidden => fail(",
        "            Shown::Hidden if branch.count == 0 => fail(",
    ),
    Mutation(
        6, "trees are those of the one header", "proof/shown.rs", "if root_digest(tree.root()) != frame.app_tree {", "if false {"
    ),
    Mutation(6, "what was removed is absent from adds", "proof/answer.rs", "if element(trees, &key)?.is_some() {", "if false {"),
    Mutation(
        6,
        "the app's leaf is the one claimed",
        "proof/shown.rs",
        "if found.is_some() != claimed || claimed != hash_root.is_some() {",
        "if false {",
    ),
    Mutation(7, "frames follow what was seen", "proof/verify.rs", "check_seen(options.seen, &frame, contains.as_ref())?;", ""),
    Mutation(
        7,
        "the history holds the earlier frame",
        "proof/header.rs",
        'if to_digest("hyperdb/peaks", &parts) != later.history {',
        "if false {",
    ),
    Mutation(
        7,
        "the header is signed",
        "proof/verify.rs",
        'if (options.signature)(&public, header, &signature, b"hyperdb/frame") {',
        'if (options.signature)(&public, header, &signature, b"hyperdb/frame") || true {',
    ),
    Mutation(8, "the setup is the ceremony's", "setup.rs", "if <[u8; 32]>::from(Sha256::digest(bytes)) != PIN {", "if false {"),
    Mutation(8, "the setup's points are powers of one secret", "setup.rs", "|| !setup.is_chain(bytes) {", "{"),
    Mutation(
        9,
        "paths are not too deep",
        "proof/pruned.rs",
        "if skipped >= (MAX_STEPS - path.len()) as u64 {",
        "if skipped > 100_000 {",
    ),
    Mutation(9, "bundles are not too large", "proof/verify.rs", "if bundle.len() > options.limits.size {", "if false {"),
    Mutation(10, "equal and opposite points are told apart", "addition.rs", "| field.equal(&a.x, &b.x);", ";"),
    Mutation(
        10, "infinity is told apart", "addition.rs", "field.is_zero(&a.x) | field.is_zero(&b.x) | field.equal", "field.equal"
    ),
]

PROFILE = """
[profile.mutation]
inherits = "dev"
debug = false
[profile.mutation.package.hyperdb-verkle]
opt-level = 1
[profile.mutation.package.blst]
opt-level = 3
[profile.mutation.package.ed448-goldilocks-plus]
opt-level = 3
"""


def outcome(native: Path, target: Path, *tests: str) -> str:
    """`passed`, the first test that failed, or that it was not built."""
    command = ["cargo", "test", "-q", "--profile", "mutation", "-p", "hyperdb-verkle", *tests, "--no-fail-fast"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(target)}
    done = subprocess.run(command, cwd=native, capture_output=True, text=True, env=environment)
    if done.returncode == 0:
        return "passed"
    failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("---- ")]
    return failed[0] if failed else "not built:\n" + done.stderr[-2000:]


def main() -> int:
    chosen = [int(number) for number in sys.argv[1:]] or range(len(MUTATIONS))
    survived = 0
    with tempfile.TemporaryDirectory() as folder:
        native = Path(folder) / "native"
        shutil.copytree(ROOT / "native", native, ignore=shutil.ignore_patterns("target"))
        shutil.copytree(ROOT / "tests/golden", Path(folder) / "tests/golden")
        (native / "Cargo.toml").open("a").write(PROFILE)
        target = Path(os.environ.get("MUTATION_TARGET", Path(folder) / "target"))
        assert outcome(native, target, "--lib", "--test=proof_vectors") == "passed", "the tests fail before anything is changed"
        for number in chosen:
            mutation = MUTATIONS[number]
            file = native / "verkle/src" / mutation.file
            text = file.read_text()
            assert mutation.old in text, f"{mutation.file} no longer has {mutation.old!r}"
            file.write_text(text.replace(mutation.old, mutation.new))
            found = outcome(native, target, mutation.tests)
            file.write_text(text)
            caught = found != "passed" and not found.startswith("not built")
            survived += not caught
            verdict = "caught  " if caught else "SURVIVED"
            print(f"{verdict} {number:2} threat {mutation.threat}: {mutation.what}: {found}", flush=True)
    print(f"{len(chosen) - survived} caught, {survived} not")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
