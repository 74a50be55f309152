"""The verbs around frames: on a closed directory and on a running server, with good and with bad input.

The command line runs in this process, since starting it takes longer than what is tested; test_cli.py starts it as a person does.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import pytest

import hyperdb
from hyperdb.cli import main

HASH_FIELDS = 40


@dataclass(frozen=True)
class Done:
    returncode: int
    raw: bytes
    stderr: str

    @property
    def stdout(self) -> str:
        return self.raw.decode()


def run(*words: str | Path, text: str | bytes = "") -> Done:
    """One command line, with what it reads and prints."""
    given = io.TextIOWrapper(io.BytesIO(text.encode() if isinstance(text, str) else text))
    out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
    streams = mock.patch.multiple(sys, argv=["hyperdb", *map(str, words)], stdin=given, stdout=out, stderr=err)
    with streams, pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(out.buffer, io.BytesIO)
    return Done(int(ended.value.code or 0), out.buffer.getvalue(), err.getvalue())


def told(*words: str | Path) -> Any:
    """What a verb prints under --json."""
    done = run(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(*words: str | Path) -> str:
    """The one line of a verb that fails as expected."""
    done = run(*words)
    assert done.returncode == 1, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def fill(directory: Path) -> None:
    """Two frames: in the first `gone` and h's `f3` are there, in the second they were removed."""
    with hyperdb.open(directory, sync="everysec", memory="16m", frames=None) as db:
        app = db.app("redis/0")
        app.put("k", "v")
        app.put("gone", "x")
        app.hash("h").update({f"f{number}": f"x{number}" for number in range(HASH_FIELDS)})
        app.list("l").append("b", "c", "d")
        app.list("l").append_left("a")
        app.sorted_set("z").add({f"m{number}": number / 2 for number in range(-4, 5)})
        app.add_hyperedge("edge", {"one": hyperdb.Vertex("k")})
        db.app("other").put("k", "elsewhere")
        db.seal()
        app.remove("gone")
        del app.hash("h")["f3"]
        db.seal()


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[None]:
    """A server that owns the directory, reached through its control socket alone."""
    with hyperdb.open(directory, sync="everysec", memory="16m", frames=None) as db, db.serve():
        yield


@pytest.fixture(scope="module", params=["closed", "running"])
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A database, closed or owned by a running server: no verb may tell the difference."""
    path = tmp_path_factory.mktemp("proofs") / "data"
    fill(path)
    with serving(path) if request.param == "running" else contextlib.nullcontext():
        yield path


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("closed") / "data"
    fill(path)
    return path


def test_root_frames_and_shards(directory: Path) -> None:
    newest, first = told("root", directory, "--app", "redis/0"), told("root", directory, "--frame", "1")
    assert (newest["frame"], first["frame"]) == (2, 1) and newest["root"] != first["root"]
    assert newest["store_key"] == first["store_key"] and len(newest["store_key"]) == 114
    assert newest["app"]["leaves"] > HASH_FIELDS
    for text in (newest["root"], newest["app"]["root"]):
        assert text in run("root", directory, "--app", "redis/0").stdout
    listed = told("frames", directory)
    assert [(row["frame"], row["root"]) for row in listed] == [(1, first["root"]), (2, newest["root"])]
    assert all(row["readable"] for row in listed)
    assert told("frames", directory, "--first", "2") == listed[1:] and told("frames", directory, "--last", "1") == listed[:1]
    assert newest["root"] in run("frames", directory).stdout
    shards = told("shards", directory, "--limit", "500")["shards"]
    assert len(shards) > 1 and all(shard["bytes"] <= 500 for shard in shards)
    assert sum(shard["leaves"] for shard in shards) <= newest["app"]["leaves"]
    assert told("shards", directory)["shards"][0]["path"] == []
    assert shards[0]["digest"] in run("shards", directory, "--limit", "500").stdout


def bounds(low: str, below: str, by_score: bool = False) -> dict[str, object]:
    """Bounds of a query, under --json."""
    return {"low": low, "below": below, "by_score": by_score}


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (("k",), {"answer": "found", "standing": "proved"}),
        (("nobody",), {"answer": "absent", "standing": "proved"}),
        (("k", "--app", "other"), {"answer": "found", "standing": "proved"}),
        (("h", "--field", "f1"), {"query": "member", "answer": "found"}),
        (("h", "--field", "f3"), {"query": "member", "answer": "absent"}),
        (("h", "--field", "f3", "--frame", "1"), {"query": "member", "answer": "found"}),
        (("l", "--field", "1"), {"query": "member", "answer": "found"}),
        (("h", "--rows"), {"query": "rows", "answer": "complete", "standing": "proved"}),
        (("h", "--count"), {"query": "count", "answer": "attested", "standing": "attested", "count": HASH_FIELDS - 1}),
        (("gone", "--removed"), {"query": "removed element", "answer": "removed"}),
        (("h", "--field", "f3", "--removed"), {"query": "removed member", "answer": "removed"}),
        (("edge", "--field", "one"), {"query": "member", "answer": "found"}),
        (("k", "--incidence"), {"query": "incidence", "answer": "complete", "standing": "proved"}),
        (("k", "--incidence", "--count"), {"query": "incidence count", "answer": "attested", "standing": "attested"}),
        (("h", "--rows", "--from", "40", "--below", "8000"), {"answer": "complete", "bounds": bounds("40", "8000")}),
        (("h", "--count", "--from", "4000"), {"answer": "attested", "bounds": bounds("4000", "")}),
        (("--elements", "--app", "other"), {"query": "elements", "answer": "complete"}),
        (("--elements", "--count"), {"query": "element count", "count": 5}),
        (("--elements", "--count", "--below", "00000000"), {"query": "element count", "count": 0}),
    ],
)
def test_what_is_proved_verifies_in_both_verifiers(
    directory: Path, tmp_path: Path, asked: tuple[str, ...], answer: dict[str, object]
) -> None:
    bundle = tmp_path / "bundle"
    made = told("prove", directory, *asked, "--out", bundle)
    assert made["bytes"] == bundle.stat().st_size
    native = told("verify", bundle, "--root", made["root"])
    assert (native["verified"], native["pinned"], native["frame"]) == (True, "root", made["frame"])
    assert {name: native["answers"][0][name] for name in answer} == answer
    if not (directory / "control.sock").exists() and native["answers"][0]["query"] in ("rows", "count", "removed member"):
        # A second each: the other forms are compared in test_frames.py, and a running server hands out the same bundles.
        assert told("verify", bundle, "--store-key", made["store_key"], "--pure")["answers"] == native["answers"]
    words = run("verify", bundle, "--root", made["root"]).stdout
    assert native["answers"][0]["words"] in words
    # What is merely attested is said to be so, and nothing else is.
    assert (words.count("attested:") == 1) == (native["answers"][0]["standing"] == "attested")


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (("z", "--from", "-1", "--below", "1.5"), ["m-2", "m-1", "m0", "m1", "m2"]),
        (("z", "--from", "-0.0", "--below", "inf"), ["m0", "m1", "m2", "m3", "m4"]),
        (("z", "--below", "-1.5"), ["m-4"]),
        (("z", "--from", "2.25"), []),
        (("l", "--from", "1", "--below", "3"), ["b", "c"]),
        (("l", "--below", "1"), ["a"]),
        (("l", "--from", "3"), ["d"]),
        (("edge", "--from", "a", "--below", "one\x01"), ["one"]),
        (("edge", "--from", "p"), []),
    ],
)
def test_ranges_are_in_the_order_of_the_kind(directory: Path, tmp_path: Path, asked: tuple[str, ...], names: list[str]) -> None:
    bundle = tmp_path / "bundle"
    made = told("prove", directory, asked[0], "--rows", *asked[1:], "--out", bundle)
    (answer,) = told("verify", bundle, "--root", made["root"])["answers"]
    assert answer["answer"] == "complete" and answer["bounds"]["by_score"] == (asked[0] == "z")
    # What is scored is named by score and member, an item of a list by its position.
    rows = [row["value"] if asked[0] == "l" else row["name"] for row in answer["rows"]]
    scored = [
        base64.b64decode(name["base64"])[8:].decode() if isinstance(name, dict) else name[8:] for name in rows if asked[0] == "z"
    ]
    assert sorted(scored or rows) == sorted(names)
    counted = told("prove", directory, asked[0], "--count", *asked[1:], "--out", bundle)
    (answer,) = told("verify", bundle, "--root", counted["root"])["answers"]
    assert answer["count"] == len(names)


def test_several_keys_are_one_proof(directory: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    made = told("prove", directory, "k", "nobody", "h", "--out", bundle)
    answers = told("verify", bundle, "--root", made["root"])["answers"]
    assert [(answer["id"], answer["answer"]) for answer in answers] == [("k", "found"), ("nobody", "absent"), ("h", "found")]
    assert made["bytes"] < sum(told("prove", directory, key)["bytes"] for key in ("k", "nobody", "h"))
    made = told("prove", directory, "h", "z", "--count", "--out", bundle)
    assert [answer["count"] for answer in told("verify", bundle, "--root", made["root"])["answers"]] == [HASH_FIELDS - 1, 9]
    assert "is there" in refused("prove", directory, "gone", "k", "--removed", "--out", bundle)


def test_a_frame_that_does_not_continue_what_was_seen_is_refused(directory: Path, tmp_path: Path) -> None:
    bundle, first, newest = tmp_path / "bundle", told("root", directory, "--frame", "1"), told("root", directory)
    seen = f"1:{first['root']}"
    told("prove", directory, "k", "--contains", "1", "--out", bundle)
    assert told("verify", bundle, "--root", newest["root"], "--seen", seen)["verified"]
    assert "'rollback'" in refused("verify", bundle, "--root", newest["root"], "--seen", f"1:{'00' * 32}", "--pure")
    told("prove", directory, "k", "--frame", "1", "--out", bundle)
    assert "'rollback'" in refused("verify", bundle, "--root", first["root"], "--seen", f"2:{newest['root']}")
    for wrong, why in (("1", "a root"), (f"0:{first['root']}", "--seen"), ("1:00", "a root")):
        assert why in refused("verify", bundle, "--root", first["root"], "--seen", wrong)


def test_seal_and_prove_what_was_just_written(tmp_path: Path) -> None:
    path = tmp_path / "data"
    fill(path)
    with serving(path):
        assert run("shell", path, text="set new 1\n").stdout == "OK\n"
        assert told("prove", path, "new", "--seal", "--contains", "1")["frame"] == 3
        assert told("seal", path)["frame"] == 4
        assert "frames" in told("stats", path)
        done = run("check", path)
        assert f"frame 4: root {told('root', path)['root']} recomputed from the data" in done.stdout
    assert told("prove", path, "new", "--seal")["frame"] == 5
    assert told("check", path)["recomputed"]["frame"] == 5
    assert told("stats", path)["frames"]["frame_number"] == 5


def test_an_owner_attests_on_a_copy(closed: Path, tmp_path: Path) -> None:
    key, public, copy = tmp_path / "owner.key", tmp_path / "owner.pub", tmp_path / "copy"
    public.write_text(run("key", "new", key).stdout)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and len(key.read_text().strip()) == 114
    assert run("key", "show", key).stdout == public.read_text() != key.read_text()
    assert "exists already" in refused("key", "new", key)
    with serving(closed):
        assert "hyperdb backup" in refused("attest", closed, "--app", "redis/0", "--key", key)
        assert run("backup", closed, copy).returncode == 0
        made = told("attest", copy, "--app", "redis/0", "--key", key, "--out", tmp_path / "attestation")
        assert made["frame"] == 2
        bundle = tmp_path / "bundle"
        told("prove", closed, "k", "--out", bundle)
        assert "'pin'" in refused("verify", bundle, "--owner-key", public)
        assert told("attest-import", closed, tmp_path / "attestation") == {"app": "redis/0", "frame": 2}
        told("prove", closed, "k", "--out", bundle)
    shown = told("verify", bundle, "--owner-key", public)
    assert (shown["pinned"], shown["owner"]) == ("owner key", public.read_text().strip())
    assert "own copy" in run("verify", bundle, "--owner-key", public.read_text().strip()).stdout


SVG = "{http://www.w3.org/2000/svg}"


def drawn(directory: Path, to: Path, *asked: str) -> tuple[ElementTree.Element, str]:
    """A picture, as a tree and as its text."""
    told("prove", directory, *asked, "--svg", to)
    root = ElementTree.fromstring(to.read_text())
    return root, "\n".join(text.text or "" for text in root.iter(f"{SVG}text"))


def cells(root: ElementTree.Element) -> dict[str, int]:
    """How many cells of each kind a picture has, without its legend."""
    kinds = [cell.get("class") or "" for cell in root.iter(f"{SVG}rect") if cell.get("rx") == "2"]
    return {kind: kinds.count(kind) - 1 for kind in ("row", "other", "branch", "empty", "closed")}


def test_a_picture_shows_what_the_proof_holds(directory: Path, tmp_path: Path) -> None:
    _, text = drawn(directory, tmp_path / "k.svg", "k")
    assert "Frame 2" in text and "the app 'redis/0'" in text and "element 'k', commit" in text
    assert "proved: 'k' is there" in text and told("root", directory)["root"] in text
    assert "hyperedge adds:" not in text, "a tree that the proof does not open is not drawn"
    rows, text = drawn(directory, tmp_path / "rows.svg", "h", "--rows")
    # A strip of 64 cells for each branch; an entry is a cell of its strip and one before its line.
    assert (sum(cells(rows).values()) - (cells(rows)["row"] + cells(rows)["other"]) // 2) % 64 == 0
    assert cells(rows)["row"] == 2 * (HASH_FIELDS - 1 + 1 + 1)
    assert text.count("member 'f") == HASH_FIELDS - 1 and "'f3'" not in text
    absent, text = drawn(directory, tmp_path / "absent.svg", "nobody")
    assert cells(absent)["row"] == 2 and "'nobody' is not there" in text
    nowhere, text = drawn(directory, tmp_path / "nowhere.svg", "k", "--app", "no such app")
    assert "not there" in text and cells(nowhere)["row"] == 0
    # What was removed is a note in its tree, and no record.
    removed, text = drawn(directory, tmp_path / "removed.svg", "gone", "--removed")
    assert cells(removed)["row"] >= 2 and "vertex removes:" in text and "'gone'" in text


def test_a_picture_is_inert_and_whole_whatever_the_names_are(tmp_path: Path) -> None:
    path = tmp_path / "data"
    name = "<script>alert(1)</script>&\"'\x1b]"
    with hyperdb.open(path, sync="everysec", memory="16m", frames=None) as db:
        db.app(name).put(name, name * 9)
        db.app(name).hash("many").update({f"{number}{name}": "" for number in range(300)})
        db.seal()
    root, text = drawn(path, tmp_path / "one.svg", name, "--app", name)
    assert "<script>alert(1)</script>" in text
    assert {tag.tag.removeprefix(SVG) for tag in root.iter()} <= {"svg", "title", "style", "rect", "path", "text", "circle"}
    raw = (tmp_path / "one.svg").read_text()
    assert "<script" not in raw and "href" not in raw and raw.count("http") == 1 and "prefers-color-scheme" in raw
    _, text = drawn(path, tmp_path / "many.svg", "many", "--rows", "--app", name)
    assert "Not drawn:" in text and "exactly these 300" in text


@pytest.fixture(scope="module")
def good(closed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """A bundle and its root."""
    out = tmp_path_factory.mktemp("good") / "bundle"
    made = told("prove", closed, "k", "--out", out)
    return out.read_bytes(), made["root"]


def test_a_damaged_bundle_is_one_line_that_names_the_check(good: tuple[bytes, str], tmp_path: Path) -> None:
    bundle, root = good
    path = tmp_path / "bundle"

    def fails(data: bytes, *pin: str) -> str:
        path.write_bytes(data)
        said = [refused("verify", path, *(pin or ("--root", root)), *how) for how in ((), ("--pure",))]
        checks = {line.split("check '")[1].split("'")[0] for line in said}
        assert len(checks) == 1, said
        return checks.pop()

    assert fails(b"") == fails(b"no bundle") == fails(bundle[:-1]) == fails(bundle[: len(bundle) // 2]) == "format"
    assert fails(bundle + b"x") == "format"
    # A flipped bit in each part: magic, header, signature, the rest.
    assert fails(bytes([bundle[0] ^ 1]) + bundle[1:]) == "format"
    assert fails(bundle[:50] + bytes([bundle[50] ^ 1]) + bundle[51:]) == "pin"
    assert fails(bundle[:300] + bytes([bundle[300] ^ 1]) + bundle[301:]) == "signature"
    assert fails(bundle[:-1] + bytes([bundle[-1] ^ 1])) in ("point", "opening")
    assert fails(bytes(5 << 20)) == "size"
    assert fails(bundle, "--root", "00" * 32) == fails(bundle, "--store-key", "00" * 57) == "pin"
    assert fails(bundle, "--owner-key", "00" * 57) == fails(bundle, "--root", root, "--app", "other") == "pin"
    path.write_bytes(bundle[:-1])
    done = run("verify", path, "--root", root, "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["check"] == "format" and json.loads(done.stdout)["verified"] is False


def test_bytes_are_told_by_what_they_are(closed: Path) -> None:
    report = told("prove", closed, "k")
    parts = report["parts"]
    assert sum(parts.values()) == len(base64.b64decode(report["bundle"]))
    assert parts["opening"] == 96 and parts["salts"] % 16 == 0 and parts.get("commitments", 0) % 48 == 0


def test_a_bundle_of_another_store_is_refused(good: tuple[bytes, str], tmp_path: Path) -> None:
    fill(tmp_path / "foreign")
    told("prove", tmp_path / "foreign", "k", "--out", tmp_path / "bundle")
    assert "'pin'" in refused("verify", tmp_path / "bundle", "--root", good[1])


def test_bundles_go_through_pipes(closed: Path, good: tuple[bytes, str]) -> None:
    bundle, root = good
    assert run("prove", closed, "k", "--out", "-").raw == bundle
    assert "'k' is there" in run("verify", "-", "--root", root, text=bundle).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("verify", "BUNDLE"), "say what you trust"),
        (("verify", "BUNDLE", "--root", "R", "--store-key", "00"), "say what you trust"),
        (("verify", "BUNDLE", "--root", "xyz"), "64 hexadecimal digits"),
        (("verify", "BUNDLE", "--root", "00"), "32 bytes"),
        (("verify", "BUNDLE", "--store-key", "00"), "57 bytes"),
        (("verify", "BUNDLE", "--store-key", "absent"), "cannot be read"),
        (("verify", "BUNDLE", "--owner-key", "BUNDLE"), "no owner's public key"),
        (("verify", "BUNDLE", "--root", "R", "--large"), "--pure"),
        (("verify", "absent", "--root", "00" * 32), "cannot be read"),
        (("prove", "DIR", "k"), "where does the proof go"),
        (("prove", "DIR", "k", "--rows", "--count", "--out", "x"), "at a time"),
        (("prove", "DIR", "k", "--seal", "--frame", "1", "--out", "x"), "--frame"),
        (("prove", "DIR", "k", "--frame", "9", "--out", "x"), "no frame 9"),
        (("prove", "DIR", "k", "--contains", "2", "--out", "x"), "not earlier"),
        (("prove", "DIR", "k", "--removed", "--out", "x"), "is there"),
        (("prove", "DIR", "l", "--field", "-1", "--out", "x"), "index"),
        (("prove", "DIR", "l", "--field", "one", "--out", "x"), "index"),
        (("prove", "DIR", "k", "--out", "DIR"), "cannot be written"),
        (("prove", "absent", "k", "--out", "x"), "no database"),
        (("root", "DIR", "--frame", "9"), "no frame 9"),
        (("root", "DIR", "--app", "nobody's"), "no app"),
        (("shards", "DIR", "--limit", "much"), "number of bytes"),
        (("shards", "DIR", "--limit", "0"), "positive"),
        (("key", "show", "absent"), "cannot be read"),
        (("key", "show", "BUNDLE"), "no secret key"),
        (("key", "new", "absent/key"), "cannot be made"),
        (("attest", "DIR", "--app", "redis/0", "--key", "BUNDLE"), "no secret key"),
        (("attest", "absent", "--app", "redis/0", "--key", "KEY"), "no database"),
        (("attest", "DIR", "--app", "nobody's", "--key", "KEY"), "no such app"),
        (("attest", "DIR", "--app", "redis/0", "--key", "KEY", "--frame", "9"), "no frame 9"),
        (("attest", "DIR", "--app", "redis/0", "--key", "KEY", "--out", "absent/file"), "cannot be written"),
        (("attest-import", "DIR", "BUNDLE"), "no attestation"),
        (("attest-import", "DIR", "FORGED"), "no attestation"),
    ],
)
def test_mistakes_are_one_line(
    closed: Path, good: tuple[bytes, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("BUNDLE").write_bytes(good[0])
    Path("KEY").write_text("ab" * 57)
    Path("FORGED").write_text(json.dumps({"app": "redis/0", "frame": 1, "attestation": "00" * 235}))
    assert said in refused(*(str(closed) if word == "DIR" else good[1] if word == "R" else word for word in words))


def test_before_the_first_frame_and_behind_the_horizon(tmp_path: Path) -> None:
    path = tmp_path / "data"
    with hyperdb.open(path, sync="everysec", memory="16m", frames=None) as db:
        db.app("redis/0").put("k", "v")
    for verb in (("root",), ("shards",)):
        assert "no frame is sealed yet" in refused(verb[0], path, *verb[1:])
    assert "no frame is sealed yet" in refused("prove", path, "k", "--out", tmp_path / "x")
    assert told("frames", path) == [] and "no root was recomputed" in run("check", path).stdout
    with hyperdb.open(path, sync="everysec", memory="16m", frames=None) as db:
        for number in range(70):
            db.app("redis/0").put("k", str(number))
            db.seal()
    assert [row["readable"] for row in told("frames", path, "--first", "6", "--last", "7")] == [False, True]
    assert "7" in refused("prove", path, "k", "--frame", "6", "--out", tmp_path / "x")
    assert told("root", path, "--frame", "6")["frame"] == 6
