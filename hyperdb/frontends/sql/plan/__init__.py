"""Plans: what a statement does, as frozen dataclasses, free of any dialect's syntax.

Invariant: plans hold no state and no data.
"""
