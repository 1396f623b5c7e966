from __future__ import annotations

import pytest

from helpers.doctests import failing_examples, module_names


@pytest.mark.parametrize("name", module_names("music_emotion.audio"))
def test_examples_say_what_happens(name: str) -> None:
    assert failing_examples(name) == ""
