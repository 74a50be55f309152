"""From text to statements: splitting, the dialect's grammar, utility statements of our own. Invariant: what is not understood is
refused here or by the binder, never passed over."""
