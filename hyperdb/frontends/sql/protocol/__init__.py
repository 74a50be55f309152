"""PostgreSQL's frontend/backend protocol, version 3, without input or output of its own.

Theory: bytes go in and frozen events come out (`decode`), answers go in and bytes come out (`encode`); a socket, a test or a
fuzzer can hold either end. The source is chapter "Frontend/Backend Protocol" of PostgreSQL's documentation.
Invariant: no clock, no randomness, no socket; what a peer sends ends in an event or a `WireError`, never in another exception.
"""
