"""Where a network runs, in which precision, and how the processor is set up for it."""

from __future__ import annotations

import ctypes
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import torch
from torch import nn

from music_emotion.errors import ModelError
from music_emotion.training.config import Device

Module = TypeVar("Module", bound=nn.Module)

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_TRIM_BYTES = 2**31 - 1
_TOP_PAD_BYTES = 256 * 2**20


def select_device(name: Device) -> torch.device:
    """Return the device of that name; ``auto`` takes CUDA where there is one.

    Raises
    ------
    ModelError
        If CUDA is asked for and there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise ModelError("device 'cuda' is not available here: use --device cpu or auto")
    if name not in ("cpu", "cuda"):
        raise ModelError(f"unknown device {name!r}: use auto, cpu or cuda")
    return torch.device(name)


def half_precision(device: torch.device) -> torch.dtype | None:
    """Return the short type worth computing in on ``device``, ``None`` for plain float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if _multiplies_bfloat16() else None


def autocast(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager[Any]:
    """Return the autocast context for ``dtype``, one without effect for ``None``."""
    if dtype is None:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)


def channels_last(network: Module) -> Module:
    """Lay a network's weights out in place as its convolutions read them quickest on a CPU."""
    # torch's stubs do not know that a module takes a memory format alone.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for the next batch instead of returning it at once.

    Activations of tens of megabytes are otherwise mapped and unmapped at every step, and the page
    faults cost a third of the time of a 2-D convolutional network.

    Returns
    -------
    bool
        Whether the C library took the settings; other libraries than glibc are left alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt") or not hasattr(library, "gnu_get_libc_version"):
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _TRIM_BYTES), (_M_TOP_PAD, _TOP_PAD_BYTES))
    return all(library.mallopt(parameter, value) == 1 for parameter, value in settings)


def _multiplies_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 numbers itself: Intel AMX, or AVX-512 BF16.

    With AVX-512 BF16 alone, both kinds of network train in about 0.6 of the time that float32
    takes (`benchmarks/training.py`).
    """
    capabilities = getattr(torch.cpu, "get_capabilities", None)
    known = capabilities() if capabilities else {}
    return bool(known.get("amx_bf16") or known.get("avx512_bf16"))
