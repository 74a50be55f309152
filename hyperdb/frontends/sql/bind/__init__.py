"""From syntax trees to plans: names, types, coercions, functions. Invariant: what a plan says needs no syntax any more."""
