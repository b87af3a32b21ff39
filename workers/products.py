"""Matrix products: MKL's so that they round alike, oneDNN's on processors where MKL's, which torch takes, are slow.

MKL 2024.2, which torch 2.13 brings, uses the wide AVX-512 instructions on Intel's processors alone; oneDNN, which torch
brings too, uses them on AMD's as well and makes large products in half the time. Torch hands it float32 products
where bfloat16 is allowed inside of them. That it then rounds to bfloat16 only on processors with matrix units (AMX) is
the library's choice, so it is tried out before it is relied on.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor

_LARGE = 6_000_000
"""Multiplications from which on oneDNN is quicker: a call of it costs more than one of MKL's."""
_TRIED = 64


def round_alike() -> None:
    """Has MKL round a product alike wherever its factors lie in memory, in a process that has made none so far.

    Left to itself it does not where rows are no multiple of 64 bytes, so that a lane of odd widths would notice who
    stands before it. MKL looks at MKL_CBWR at its first product, and the user's own setting stays.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


def onednn_pays(multiplications: int, like: Tensor) -> bool:
    """True if oneDNN is quicker at a product of so many multiplications, of matrices like this tensor."""
    return multiplications >= _LARGE and like.dtype == torch.float32 and like.is_cpu and onednn_is_wide_and_exact()


@cache
def onednn_is_wide_and_exact() -> bool:
    """True on a processor of AMD's with AVX-512 on which oneDNN leaves the numbers of a product as they are."""
    has = torch.cpu.get_capabilities()
    wide = all(has.get(name) for name in ("avx512_bw", "avx512_dq", "avx512_vl"))
    return wide and has.get("cpu_name", "").startswith("AMD") and onednn_is_exact()


def onednn_is_exact() -> bool:
    """True if numbers that bfloat16 cannot hold come out of a product by oneDNN as they went in."""
    numbers = torch.arange(1, 2 * _TRIED * _TRIED + 1, dtype=torch.float32).view(2, _TRIED, _TRIED) / 3
    ones = torch.eye(_TRIED).expand(2, _TRIED, _TRIED).contiguous()
    with by_onednn():
        return all(
            torch.equal(product, numbers)
            for product in (torch.bmm(numbers, ones), torch.bmm(ones, numbers), torch.bmm(numbers.mT, ones).mT)
        )


@contextmanager
def by_onednn() -> Iterator[None]:
    """Products of float32 matrices go to oneDNN within, whoever asks for them."""
    products: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = products.fp32_precision
    products.fp32_precision = "bf16"
    try:
        yield
    finally:
        products.fp32_precision = before


def bmm(one: Tensor, other: Tensor, *, wide: bool) -> Tensor:
    """torch.bmm, by oneDNN if `wide`."""
    if not wide:
        return torch.bmm(one, other)
    with by_onednn():
        return torch.bmm(one, other)
