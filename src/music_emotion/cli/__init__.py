"""The ``music-emotion`` command: each file has some commands, found by ``main``."""
