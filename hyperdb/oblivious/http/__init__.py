"""The oblivious service over HTTP: epochs of chosen apps, and answers to questions that it does not learn.

Theory: whatever is large is immutable and named by the digest of its manifest, so it may be cached, resumed and compared with
what others got; whatever is asked has a size that the manifest fixes, and is refused by its size first. Invariant: nothing of a
request is logged or kept but sums.
"""
