"""SQL's frontend. So far it holds the wire only: `protocol` speaks PostgreSQL's protocol, nothing answers it yet.

Theory: a frontend turns bytes into requests and answers into bytes; what a request means belongs below it. Invariant: nothing
in this package opens a socket or imports the engine.
"""
