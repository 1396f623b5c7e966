"""From any music to what people feel in it, one step per module.

``segmenter``
    Waveform → segments of 3 s.
``package``, ``model_card``
    A packaged model on disk: its graph, and what it takes, gives and is worth.
``model``
    Segments → features → probabilities of segments, windows and the track.
``prediction``
    What is predicted of one track, and the forms it takes.
``batch``, ``writers``, ``output``
    Many files, as text, to a stream or a file.
``explain``, ``export``
    Why it was predicted; how a trained model becomes a packaged one.
"""
