"""Bad input for every command, made from a server's own description of its commands; `bad_input.py` runs it."""
