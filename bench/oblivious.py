"""Private gets end to end in one process: preparing, the query, the server's pass, recovering; and laying out an epoch.

Prints the tables of bench/RESULTS.md. `python bench/oblivious.py [--records N] [--threads N] [--keys N] [--served N]`; `--served`
keys are also published by a server of this process and read by a client over the loopback: laying out 1,000,000 takes minutes.

Theory: retrieval does not depend on what columns hold, so a matrix of as many pages as N records of 256 bytes make is filled
with bytes without pattern; pages are proved and read on a store of its own, with fewer keys. Times are by the clock, and of all
threads' processor time behind it: on a machine that does other work only the second says what a get costs.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import hyperdb
from hyperdb.commitment.verify import Root, StoreKey
from hyperdb.oblivious.delta import delta
from hyperdb.oblivious.epochs import Source, build, rebuild
from hyperdb.oblivious.explain import Asked, explain
from hyperdb.oblivious.levels import Bucket, Cover, Level, Pir, Plain, parse_level
from hyperdb.oblivious.page import PAGE_BYTES
from hyperdb.oblivious.pir import DIMENSION, Asker, Hint, Matrix, Place, kernels
from hyperdb.oblivious.reader import open_reader
from hyperdb.oblivious.remote.transport import Transport
from hyperdb.oblivious.service import LocalService, Recorder
from hyperdb.values import Publishing

RECORD_BYTES = 256
RECORDS_A_PAGE = 11
"""What fits beside its proof, keys and salts (docs/epoch-format.md)."""
GETS = 15
BATCH = 128
"""Queries that a busy server answers in one pass."""
ENGINE_KEYS = 10_000
BESIDE_SECONDS = 2.0
PAUSE_SECONDS = 0.3
TRANSACTION_KEYS = 10_000

T = TypeVar("T")


@dataclass(frozen=True)
class Took:
    """Milliseconds by the clock, and of the process's threads together."""

    clock: float
    processor: float

    def __str__(self) -> str:
        return f"{self.clock:.1f} ms (processor {self.processor:.1f})"


def timed(work: Callable[[], T]) -> tuple[Took, T]:
    """How long it took, and what came out."""
    start, processor = time.perf_counter(), time.process_time()
    result = work()
    return Took((time.perf_counter() - start) * 1e3, (time.process_time() - processor) * 1e3), result


def median(times: Sequence[Took]) -> Took:
    """The median of each."""
    return Took(statistics.median(took.clock for took in times), statistics.median(took.processor for took in times))


def retrieval(records: int, threads: int) -> None:
    """Gets over as many pages as `records` make."""
    columns = -(-records // RECORDS_A_PAGE)
    source = random.Random(1)
    pages = [source.randbytes(PAGE_BYTES) for _ in range(64)]
    place = Place(os.urandom(32), 0)
    matrix = Matrix(place, PAGE_BYTES, [pages[number % 64] for number in range(columns)], threads)
    # A hint of zeros takes the same time to use; making one is measured by native/pir's example.
    hint = Hint.read(place, PAGE_BYTES, bytes(PAGE_BYTES * DIMENSION * 4))
    asker = Asker(hint, columns, stock=GETS, threads=threads)
    preparing, _ = timed(asker.prepare)
    asking, answering, recovering = [], [], []
    for number in range(GETS):
        took, (query, mask) = timed(partial(asker.ask, number))
        asking.append(took)
        took, [answer] = timed(partial(matrix.answer, [query]))
        answering.append(took)
        recovering.append(timed(partial(mask.recover, answer))[0])
    print(f"{records:,} records of {RECORD_BYTES} B: {columns:,} pages, {columns * PAGE_BYTES / 1e6:,.0f} MB, {threads} threads")
    print(f"kernel {kernels()[-1]}; up {len(query):,} B, down {len(answer):,} B, hint {PAGE_BYTES * DIMENSION * 4 / 1e6:.1f} MB")
    print(f"preparing a stock of {GETS}: {preparing}")
    print(f"get, prepared: ask {median(asking)}, answer {median(answering)}, recover {median(recovering)}")
    for size in (GETS, BATCH):
        # What queries hold does not matter to the server: random ones of the right length stand for prepared ones.
        batch = [source.randbytes(len(query)) for _ in range(size)]
        took, _ = timed(partial(matrix.answer, batch))
        print(f"{size} answers in one pass: {took}: {size / took.clock * 1e3:,.0f} gets/s by the clock,", end=" ")
        print(f"{size / took.processor * 1e3:,.0f} for each second of a processor")
    beside(matrix, [query])


def beside(matrix: Matrix, batch: Sequence[bytes]) -> None:
    """Point reads of an engine alone, and while another thread answers private queries half of the time."""
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            start = time.perf_counter()
            matrix.answer(batch)
            stop.wait(time.perf_counter() - start)

    with hyperdb.open(":memory:", frames=None) as db:
        app = db.app("bench")
        for number in range(ENGINE_KEYS):
            app.put(f"user:{number}", bytes(RECORD_BYTES))

        def rate() -> float:
            start, done = time.perf_counter(), 0
            while time.perf_counter() - start < BESIDE_SECONDS:
                app.get(f"user:{done % ENGINE_KEYS}")
                done += 1
            return done / (time.perf_counter() - start)

        alone = rate()
        server = threading.Thread(target=serve)
        server.start()
        together = rate()
        stop.set()
        server.join()
    print(f"engine gets/s alone {alone:,.0f}, beside private queries at half load {together:,.0f}: {together / alone:.0%}")


def epochs(keys: int, threads: int) -> None:
    """Laying out, following and reading an epoch of `keys` keys."""
    with hyperdb.open(":memory:", frames=None) as db:
        with db.transaction() as transaction:
            app = transaction.app("bench")
            for number in range(keys):
                app.put(f"user:{number}", os.urandom(RECORD_BYTES))
        db.seal()
        source = Source.of(db.native)
        took, epoch = timed(lambda: build(source, "bench", threads=threads))
        manifest = epoch.manifest
        pages = len(manifest.columns)
        print(f"{keys:,} keys: {pages} pages, {keys / pages:.1f} keys, {took.processor / pages:.1f} ms each; laid out in {took}")
        print(f"manifest {len(bytes(manifest)):,} B; {manifest.stable} bytes of a page are stable")
        with db.transaction() as transaction:
            app = transaction.app("bench")
            for number in range(0, keys, 100):
                app.put(f"user:{number}", os.urandom(RECORD_BYTES))
        db.seal()
        took, changed = timed(lambda: delta(source, epoch))
        if changed is not None:
            print(f"the delta to it: {len(bytes(changed)):,} B, made in {took}")
        took, later = timed(lambda: rebuild(source, epoch, threads=threads))
        print(f"the next one, a hundredth of the keys changed: {took}, {len(later.changed)} columns differ")
        root = Root(later.manifest.frame.root)
        levels: tuple[Level, ...] = (Plain(), Bucket(k=64), Cover(c=4, k=64), Pir())
        for level in levels:
            recorder = Recorder(LocalService(source, later))
            reader = open_reader(recorder, level, root, secret=bytes(32))
            recorder.trace.clear()
            times = [timed(partial(reader.get, b"user:%d" % number))[0] for number in range(GETS)]
            down = sum(event.received for event in recorder.trace) / GETS
            print(f"{level!s:<14} {median(times)}, {down:,.0f} B down")


def served(keys: int, threads: int) -> None:
    """Reads of a published epoch of `keys` keys, end to end: HTTP, verification and all."""
    with hyperdb.open(":memory:", frames=None) as db, tempfile.TemporaryDirectory() as state:
        for first in range(0, keys, TRANSACTION_KEYS):
            with db.transaction() as transaction:
                app = transaction.app("bench")
                for number in range(first, min(first + TRANSACTION_KEYS, keys)):
                    app.put(f"user:{number}", os.urandom(RECORD_BYTES))
        publishing = Publishing(("bench",), every=1e9, work_bits=0, threads=threads)
        with db.serve(http="127.0.0.1:0", publish=publishing, control=False) as serving:
            publisher, address = serving.publisher, serving.http_address
            assert publisher is not None and address is not None
            start = time.perf_counter()
            while publisher.newest("bench") is None:
                time.sleep(0.1)
            published = publisher.newest("bench")
            assert published is not None
            manifest = published.epoch.manifest
            print(f"served: {keys:,} keys, {manifest.pages.columns:,} pages, published after {time.perf_counter() - start:.0f} s")
            print(f"manifest {len(published.manifest):,} B, hint {sum(map(len, published.hints)):,} B")
            url, key = f"http://{address[0]}:{address[1]}", db.frames.public_key
            source = random.Random(1)
            for level in ("none", "bucket(64)", "cover(4, 64)", "pir"):
                with hyperdb.connect(url, key=key, privacy=level, state=state, follow=None) as remote:
                    view = remote.app("bench")
                    opening, _ = timed(partial(view.get, "user:0"))
                    times = []
                    with counted() as bodies:
                        for _ in range(GETS):
                            if level == "pir":
                                # Somebody who reads now and then: the next query was prepared meanwhile.
                                time.sleep(PAUSE_SECONDS)
                            times.append(timed(partial(view.get, f"user:{source.randrange(keys)}"))[0])
                    told = explain(manifest, parse_level(level), StoreKey(key), Asked())
                    slowest, quickest = max(took.clock for took in times), min(took.clock for took in times)
                    print(f"{level:<14} opened in {opening}; get {median(times)}, {quickest:.1f} to {slowest:.1f} ms;", end=" ")
                    up, down = (sum(of) / GETS for of in zip(*bodies, strict=True))
                    print(f"bodies {up:,.0f} B up, {down:,.0f} down; K = {told.k:,}")


@contextmanager
def counted() -> Iterator[list[tuple[int, int]]]:
    """Bytes of the bodies of each request and its answer; HTTP's heads are some 150 to 250 bytes each way beside them."""
    bodies: list[tuple[int, int]] = []
    asked = Transport._once

    def once(self: Transport, connection: Any, method: str, path: str, body: bytes | None, *rest: Any) -> Any:
        found = asked(self, connection, method, path, body, *rest)
        bodies.append((len(body or b""), len(found.body)))
        return found

    Transport._once = once  # type: ignore[method-assign]
    try:
        yield bodies
    finally:
        Transport._once = asked  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument("--served", type=int, default=3_000)
    arguments = parser.parse_args()
    retrieval(arguments.records, arguments.threads)
    epochs(arguments.keys, arguments.threads)
    served(arguments.served, arguments.threads)


if __name__ == "__main__":
    main()
