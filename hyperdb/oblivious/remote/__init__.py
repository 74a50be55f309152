"""A store on the other side of a network, asked without telling it what for.

Theory: the client holds what it pinned (a key, the newest root, its own secret for covers) and what is large and public
(hints), on its disk; a service over HTTP is one more `hyperdb.oblivious.service.Service`, so readers and tests do not know the
difference. Invariant: nothing that is sent depends on what an answer held.
"""
