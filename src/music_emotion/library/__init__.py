"""Whole libraries: a catalogue of what was predicted, searching it, playlists from it."""
