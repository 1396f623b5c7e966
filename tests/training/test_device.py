import ctypes
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from music_emotion.errors import ModelError
from music_emotion.training.device import (
    autocast,
    half_precision,
    keep_freed_memory,
    select_device,
)

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("there", [True, False])
def test_auto_takes_the_graphics_card_where_there_is_one(
    there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert select_device("auto").type == ("cuda" if there else "cpu")
    assert select_device("cpu").type == "cpu"
    if there:
        assert select_device("cuda").type == "cuda"
    else:
        with pytest.raises(ModelError, match="use --device cpu"):
            select_device("cuda")


def test_an_unknown_device_is_named() -> None:
    with pytest.raises(ModelError, match="unknown device 'tpu'"):
        select_device("tpu")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({}, None),
        ({"avx512_f": True, "amx_bf16": False, "avx512_bf16": False}, None),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": True}, torch.bfloat16),
    ],
)
def test_processors_that_multiply_short_numbers_do(
    capabilities: dict[str, bool], expected: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert half_precision(CPU) == expected


@pytest.mark.parametrize(("supported", "dtype"), [(True, torch.bfloat16), (False, torch.float16)])
def test_graphics_cards_compute_in_the_short_type_they_know(
    supported: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: supported)
    assert half_precision(CUDA) == dtype


def test_plain_numbers_need_no_context() -> None:
    assert isinstance(autocast(CPU, None), nullcontext)
    for dtype in (torch.bfloat16, torch.float16):
        with autocast(CPU, dtype):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


@pytest.mark.parametrize(("answer", "kept"), [(1, True), (0, False)])
def test_glibc_is_asked_to_keep_what_is_freed(
    answer: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    def mallopt(parameter: int, value: int) -> int:
        asked[parameter] = value
        return answer

    library = SimpleNamespace(mallopt=mallopt, gnu_get_libc_version=None)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(sys, "platform", "linux")
    assert keep_freed_memory() is kept
    if kept:  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD of malloc.h
        assert asked == {-4: 0, -1: 2**31 - 1, -2: 256 * 2**20}
    del library.gnu_get_libc_version
    assert keep_freed_memory() is False
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False
