"""Time the training of the 2-D CNN against Keras/TensorFlow: ``python benchmarks/training.py``.

The same network, layer for layer (Conv2D 32 → 64 → 128, each with MaxPool, ReLU and BN → Flatten →
Dense 256 → Dropout → softmax 9), the same random log-mel arrays, batch size and optimiser, on the
same number of threads. Each side runs the loop its user runs, ``fit_network`` and ``model.fit``,
in a process of its own, by turns; the first epoch of each process is not counted. The ratio is
the median over the repeats of ours / theirs.

Keras: ``pip install -r benchmarks/requirements-training.txt``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

LIMIT_BF16, LIMIT = 0.6, 1.1  # what we promise to stay under, with and without bf16 in hardware
DROPOUT = 0.1
Array = NDArray[np.float32]


def random_segments(n: int) -> tuple[Array, NDArray[np.int64]]:
    generator = np.random.default_rng(0)
    return (
        generator.normal(size=(n, 128, 130)).astype(np.float32),
        generator.integers(0, 9, size=n),
    )


def seconds_ours(segments: int, batch: int, epochs: int, threads: int) -> list[float]:
    """Train with our own loop and return the seconds of each epoch."""
    import torch

    from music_emotion.models.cnn2d import Cnn2d
    from music_emotion.training.config import TrainingConfig
    from music_emotion.training.data import TrainingData
    from music_emotion.training.fit import fit_network

    torch.set_num_threads(threads)
    array, label = random_segments(segments)
    one_hot = np.eye(9, dtype=np.float32)[label]
    ones = np.ones(segments, dtype=np.float32)
    data = TrainingData(
        array, np.arange(segments), one_hot, ones, one_hot, ones, np.arange(segments)
    )
    names = [field.name for field in fields(data) if field.name != "array"]
    nothing = replace(data, **{name: getattr(data, name)[:0] for name in names})
    config = TrainingConfig(max_epochs=epochs, batch_size=batch, mixup=0.0, splice=False)
    network = Cnn2d(dropout=DROPOUT, shared=False)
    result = fit_network(
        network, data, nothing, config, device=torch.device("cpu"), seed=0, frame_axis=2
    )
    return result.history["seconds"]


def seconds_keras(segments: int, batch: int, epochs: int, threads: int) -> list[float]:
    """Train the same network with ``model.fit`` and return the seconds of each epoch."""
    import keras
    import tensorflow as tf
    from keras import layers

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    array, label = random_segments(segments)
    stack: list[layers.Layer] = [keras.Input((128, 130, 1))]
    for filters, pool in ((32, (4, 4)), (64, (2, 4)), (128, (2, 8))):
        stack += [
            layers.Conv2D(filters, 3, padding="same"),
            layers.MaxPooling2D(pool),
            layers.ReLU(),
            layers.BatchNormalization(),
        ]
    stack += [
        layers.Flatten(),
        layers.Dense(256, activation="relu"),
        layers.Dropout(DROPOUT),
        layers.Dense(9, activation="softmax"),
    ]
    model = keras.Sequential(stack)
    model.compile(optimizer=keras.optimizers.AdamW(), loss="sparse_categorical_crossentropy")
    taken: list[float] = []

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            self.started = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            taken.append(time.perf_counter() - self.started)

    model.fit(array[..., None], label, batch, epochs=epochs, verbose=0, callbacks=[Clock()])
    return taken


SIDES = {"ours": seconds_ours, "keras": seconds_keras}


def in_a_process(side: str, options: argparse.Namespace) -> float:
    """Return the milliseconds per segment of one side, the first epoch not counted."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(options.threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, __file__, "--side", side]
    for name in ("segments", "batch", "epochs", "threads"):
        command += [f"--{name}", str(getattr(options, name))]
    answer = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    seconds = json.loads(answer.splitlines()[-1])
    counted = options.segments // options.batch * options.batch
    return 1000 * statistics.median(seconds[1:]) / counted


def has_bf16() -> bool:
    import torch

    from music_emotion.training.device import half_precision

    return half_precision(torch.device("cpu")) is not None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3, help="the first is not counted")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=sorted(SIDES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        measure = SIDES[options.side]
        print(json.dumps(measure(options.segments, options.batch, options.epochs, options.threads)))
        return 0
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    for repeat in range(options.repeats):
        for side, values in times.items():
            values.append(in_a_process(side, options))
            print(f"repeat {repeat + 1}: {side:>5} {values[-1]:7.2f} ms per segment", flush=True)
    ratio = statistics.median(a / b for a, b in zip(times["ours"], times["keras"], strict=True))
    limit = LIMIT_BF16 if has_bf16() else LIMIT
    print(f"{platform.machine()}, {options.threads} threads, batch of {options.batch}")
    print(f"ours / Keras = {ratio:.2f} (limit {limit})")
    return 0 if ratio <= limit else 1


if __name__ == "__main__":
    raise SystemExit(main())
