"""What a model sees: pure functions of a waveform, and a cache of their results."""
