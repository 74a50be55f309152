"""The command tables, one file a group; each has `TABLE`, and `STATE`: commands that show all it changed."""
