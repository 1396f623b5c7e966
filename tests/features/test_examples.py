from __future__ import annotations

import pytest

from helpers.doctests import failing_examples, module_names, without_example

MODULES = module_names("music_emotion.features")
FOR_FILES = {  # functions that read and write a user's files have examples in the tests
    "music_emotion.features.cache",
    "music_emotion.features.extract",
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_say_what_happens(name):
    assert failing_examples(name) == ""


@pytest.mark.parametrize("name", [name for name in MODULES if name not in FOR_FILES])
def test_every_public_function_has_an_example(name):
    assert without_example(name) == []
