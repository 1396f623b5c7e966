"""The ``music-emotion`` command, one small file per command."""
