"""Moods in the files' own tags: planned, written, undone."""
