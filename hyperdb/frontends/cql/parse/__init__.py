"""CQL text to statements: frozen dataclasses that say what was written, before any name is looked up.

Theory: `cql.lark` says what may be written, lark makes an LALR(1) table of it, the builders turn each rule into a node while it
is read. `text.py` turns nodes into CQL again, `lift.py` and `cache.py` spare known shapes of statements the parser. Invariant:
what is rendered from a tree reads as the same tree; nothing here knows a catalog.
"""
