"""Random sequences of commands from several connections to two servers; see `compat-tests/resp/sequences.py`."""
