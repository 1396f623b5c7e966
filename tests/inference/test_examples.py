from __future__ import annotations

import pytest

from helpers.doctests import failing_examples, module_names, without_example

MODULES = module_names("music_emotion.inference")
FOR_FILES = {  # many files, and models that were trained: their examples are the tests
    "music_emotion.inference.batch",
    "music_emotion.inference.export",
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_say_what_happens(name: str) -> None:
    assert failing_examples(name) == ""


@pytest.mark.parametrize("name", [name for name in MODULES if name not in FOR_FILES])
def test_every_public_function_has_an_example(name: str) -> None:
    assert without_example(name) == []
