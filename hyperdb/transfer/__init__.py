"""Data that move between a database and Redis: files of RDB, and running servers.

Theory: docs/resp.md, Moving from Redis. What is done once per key is native; here is what is asked, in which order, and what
the summary says. Each function takes a database, JSON arguments and a listener of progress, so that the control socket runs it
in the process that owns the directory. Invariant: what is imported is read whole, and found sound, before it is written: a file
as a whole, a running server key by key.
"""
