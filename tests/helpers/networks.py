"""What holds of every network of the package."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

Build = Callable[[bool], nn.Module]
"""Makes a network, given whether its heads share the hidden layer."""


def check_two_sets_of_nine_logits(build: Build, shape: tuple[int, ...]) -> None:
    logits, intensity_logits = build(False)(torch.randn(*shape))
    assert logits.shape == intensity_logits.shape == (len(logits), 9)


def check_intensities_shape_the_hidden_layers_only_where_shared(
    build: Build, shape: tuple[int, ...]
) -> None:
    for shared in (False, True):
        network = build(shared)
        network(torch.randn(*shape))[1].sum().backward()
        touched = {
            parameter.split(".")[0]
            for parameter, value in network.named_parameters()
            if value.grad is not None and parameter.split(".")[0] != "heads"
        }
        assert bool(touched) == shared


def check_inference_is_deterministic_and_independent_of_the_batch(
    build: Build, shape: tuple[int, ...]
) -> None:
    network = build(False).eval()
    inputs = torch.randn(*shape)
    with torch.no_grad():
        together = network(inputs)[0]
        alone = torch.cat([network(row[None])[0] for row in inputs])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


NETWORK_CHECKS = (
    check_two_sets_of_nine_logits,
    check_intensities_shape_the_hidden_layers_only_where_shared,
    check_inference_is_deterministic_and_independent_of_the_batch,
)


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    """Return a network's convolutions, in order."""
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
