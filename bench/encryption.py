"""What verifiable encryption costs: proving, verifying and recovering an object key, a chunk; and the rate of the body's cipher.

Prints the table of bench/RESULTS.md. `python bench/encryption.py [--megabytes N]`.

Theory: processor time of one thread, so that a busy machine counts less; the median of nine. The cipher is measured alone, into
memory that is there already, and as a whole object, which is hashed too.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

from hyperdb import _native
from hyperdb.encryption import Place, SecretKey, decrypt, encrypt, verify
from hyperdb.encryption.body_digest import BodyDigest
from hyperdb.encryption.stream import CHUNK, TAG, BodyCipher, stream_keys

RUNS = 9


def median_ms(call: Callable[[], object]) -> float:
    """Processor time of this thread."""
    taken = []
    for _ in range(RUNS):
        start = time.thread_time()
        call()
        taken.append(time.thread_time() - start)
    return statistics.median(taken) * 1e3


def rate(call: Callable[[], object], size: int) -> float:
    """GB/s, the best of three, of all threads' processor time."""
    best = 0.0
    for _ in range(3):
        start = time.process_time()
        call()
        best = max(best, size / (time.process_time() - start) / 1e9)
    return best


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=64)
    size = parser.parse_args().megabytes << 20
    key, context = SecretKey.generate(), b"a context"
    public = key.public.data
    secret, statement = _native.verenc_draw(os.urandom(114))
    proof = _native.verenc_prove(public, secret, context, os.urandom(32))
    chunk = _native.verenc_encrypt_chunk(public, bytes(54), context, os.urandom(32))
    rows = [
        ("prove", median_ms(lambda: _native.verenc_prove(public, secret, context, os.urandom(32)))),
        ("verify", median_ms(lambda: _native.verenc_verify(public, statement, context, proof))),
        ("recover (verifies first)", median_ms(lambda: _native.verenc_recover(key.seed, statement, context, proof))),
        ("encrypt a chunk", median_ms(lambda: _native.verenc_encrypt_chunk(public, bytes(54), context, os.urandom(32)))),
        ("check a chunk", median_ms(lambda: _native.verenc_check_chunk(public, context, chunk))),
        ("decrypt a chunk", median_ms(lambda: _native.verenc_decrypt_chunk(key.seed, context, chunk))),
    ]
    print(f"| one thread | processor ms |\n|---|---|\n| bytes of a proof, of a chunk | {len(proof):,}, {len(chunk):,} |")
    for what, ms in rows:
        print(f"| {what} | {ms:.1f} |")
    data = os.urandom(size)
    sealed = encrypt(data, Place("bench", b"key"), [key.public])
    view, cipher = memoryview(data), BodyCipher(stream_keys(b"x" * 56, b"salt", b"bench"), b"bench")
    out = memoryview(bytearray(CHUNK + TAG))

    def body() -> None:
        for number in range(size // CHUNK):
            cipher.seal(number, False, view[number * CHUNK : (number + 1) * CHUNK], out)

    digest = BodyDigest()
    print(f"\n| {size >> 20} MiB | GB/s of processor time |\n|---|---|")
    for what, call in (
        ("AEAD of the body", body),
        ("digest of the body", lambda: digest.update(data)),
        ("an object encrypted", lambda: encrypt(data, Place("bench", b"key"), [key.public])),
        ("verified", lambda: verify(sealed)),
        ("decrypted", lambda: decrypt(sealed, key)),
    ):
        print(f"| {what} | {rate(call, size):.2f} |")


if __name__ == "__main__":
    main()
