import pytest

from music_emotion.errors import ModelError
from music_emotion.models.registry import MODEL_NAMES, REFERENCE_NAMES, create


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_every_name_gives_a_model_of_that_name(name: str) -> None:
    model = create(name)
    assert model.name == name


def test_the_six_come_first() -> None:
    assert MODEL_NAMES[:6] == REFERENCE_NAMES
    assert create("lstm_cnn").feature_names == ("basic",)
    assert create("lstm_cnn_advanced").feature_names == ("advanced",)
    assert create("bilstm_cnn").feature_names == ("advanced",)
    assert create("cnn2d").feature_names == ("log_mel",)


def test_unknown_names_and_settings_are_answered_with_what_there_is() -> None:
    with pytest.raises(ModelError, match="did you mean 'bilstm_cnn'"):
        create("bilstmcnn")
    with pytest.raises(ModelError, match=r"no training setting 'epochs'.*max_epochs"):
        create("cnn2d", epochs=3)
