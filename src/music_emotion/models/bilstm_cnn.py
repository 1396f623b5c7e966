"""BiLSTM-CNN: the LSTM-CNN with a second LSTM that reads the frames backwards."""

from __future__ import annotations

from music_emotion.models.lstm_cnn import LstmCnn


class BilstmCnn(LstmCnn):
    """Conv1D 256 → BN → MaxPool → Conv1D 128 → BN → MaxPool → BiLSTM 128 → Dense 128 → Dropout.

    Everything but the direction is shared with :class:`~music_emotion.models.lstm_cnn.LstmCnn`,
    so that a comparison of the two tests bidirectionality alone.
    """

    def __init__(self, n_features: int, *, dropout: float, shared: bool) -> None:
        super().__init__(n_features, dropout=dropout, shared=shared, bidirectional=True)
