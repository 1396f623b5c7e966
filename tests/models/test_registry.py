from pathlib import Path

import pytest

from music_emotion.errors import ModelError
from music_emotion.models.registry import (
    MODEL_NAMES,
    REFERENCE_NAMES,
    create,
    find_models,
    source_digest,
)


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_every_name_gives_a_model_of_that_name(name: str) -> None:
    model = create(name)
    assert model.name == name


def test_the_six_come_first() -> None:
    assert MODEL_NAMES[:6] == REFERENCE_NAMES
    assert MODEL_NAMES[6:10] == ("light", "transfer", "blend", "lstm_cnn_without_smote")
    assert MODEL_NAMES[12:16] == ("commonest_class", "genre_only", "nearest_neighbour", "svm")
    assert create("lstm_cnn").feature_names == ("basic",)
    assert create("lstm_cnn_advanced").feature_names == ("advanced",)
    assert create("bilstm_cnn").feature_names == ("advanced",)
    assert create("cnn2d").feature_names == ("log_mel",)


def test_a_module_lists_its_models_and_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text('MODELS = ("one", "two")\nraise SystemExit\n')
    (tmp_path / "helper.py").write_text("NAMES = 1\nMODELS: int\n\ndef f():\n    MODELS = 2\n")
    assert find_models(tmp_path) == {"one": "mine", "two": "mine"}


def test_unknown_names_and_settings_are_answered_with_what_there_is() -> None:
    with pytest.raises(ModelError, match="did you mean 'bilstm_cnn'"):
        create("bilstmcnn")
    with pytest.raises(ModelError, match=r"no training setting 'epochs'.*max_epochs"):
        create("cnn2d", epochs=3)


OWN = """
from music_emotion.models.baselines import CommonestClass

class Mine(CommonestClass):
    def __init__(self, name):
        self.name = name

def mine(name, **settings):
    return Mine(name)

def nameless(name, **settings):
    return Mine("mine")
"""


def test_a_model_of_ones_own_is_named_by_module_and_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_models_of_the_test.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    mine = create("own_models_of_the_test:mine", max_epochs=1)
    assert mine.name == "own_models_of_the_test:mine"
    before = source_digest(mine)
    (tmp_path / "own_models_of_the_test.py").write_text(OWN + "# edited\n")
    assert before != source_digest(mine) != source_digest(create("svm")) == ""
    with pytest.raises(ModelError, match="made a model of another name"):
        create("own_models_of_the_test:nameless")
    with pytest.raises(ModelError, match=r"no model 'own_models_of_the_test:theirs'.*theirs"):
        create("own_models_of_the_test:theirs")
    with pytest.raises(ModelError, match="no model 'no_such_module_at_all:mine'"):
        create("no_such_module_at_all:mine")
    with pytest.raises(ModelError, match="no training setting 'epochs'"):
        create("own_models_of_the_test:mine", epochs=1)
