"""The harness that kills ``music-emotion tag``, in short; by hand it runs with twenty kills."""

from __future__ import annotations

import pytest

import kill_tagging


@pytest.mark.slow
def test_killed_at_random_moments_no_file_is_damaged(capsys):
    assert kill_tagging.main(["--kills", "2", "--files", "12", "--seconds", "1"]) == 0
    assert "none damaged, none lost" in capsys.readouterr().out
