"""Cassandra's native protocol, versions 3 to 5, without input or output of its own.

Theory: bytes go in and requests as frozen dataclasses come out, replies go in and bytes come out (`wire.Wire`); a socket, a
test or a fuzzer can hold either end. From the bytes inwards: `segments` (outer frames of version 5), `envelopes` (a header and
a body), `decode` and `encode` (what is in a body). The source is the specification (native_protocol_v3.spec to _v5.spec).
Invariant: no clock, no randomness, no socket; what a peer sends ends in a request or a `Fault`, never in an exception.
"""
