"""Products by oneDNN are float32's, and are taken where they are known to be so alone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from workers.products import bmm, by_onednn, onednn_is_wide_and_exact, onednn_pays

AMD = {"cpu_name": "AMD EPYC", "avx512_bw": True, "avx512_dq": True, "avx512_vl": True}
LARGE = 10**8
SIZES = st.sampled_from([1, 2, 7, 16, 33, 64, 100, 130])


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., bool]]:
    """What is said of a processor with these abilities, whose products by oneDNN are rounded so."""

    def verdict(has: dict[str, Any], product: Callable[[Tensor, Tensor], Tensor] = torch.bmm) -> bool:
        onednn_is_wide_and_exact.cache_clear()
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has)
        with monkeypatch.context() as within:
            within.setattr(torch, "bmm", product)
            return onednn_is_wide_and_exact()

    yield verdict
    onednn_is_wide_and_exact.cache_clear()


def plain(one: Tensor, other: Tensor) -> Tensor:
    return (one.double() @ other.double()).float()


def rounded(one: Tensor, other: Tensor) -> Tensor:
    """As matrix units round."""
    return one.bfloat16().float() @ other.bfloat16().float()


def test_wide_products_are_for_processors_on_which_mkls_are_narrow(processor: Callable[..., bool]) -> None:
    assert processor(AMD, plain)
    assert not processor(AMD | {"cpu_name": "Intel Xeon Processor"}, plain)
    assert not processor(AMD | {"avx512_vl": False}, plain)
    assert not processor({"cpu_name": "Neoverse-V2", "architecture": "aarch64"}, plain)


def test_products_that_are_rounded_are_not_taken(processor: Callable[..., bool]) -> None:
    assert not processor(AMD, rounded)


def test_they_pay_for_large_float32_products_alone(processor: Callable[..., bool]) -> None:
    assert processor(AMD, plain)
    assert onednn_pays(LARGE, torch.ones(2))
    assert not onednn_pays(1000, torch.ones(2))
    assert not onednn_pays(LARGE, torch.ones(2, dtype=torch.float64))
    assert not onednn_pays(LARGE, torch.ones(2, device="meta"))


@settings(max_examples=60, deadline=None)
@given(lanes=st.integers(1, 9), rows=SIZES, inner=SIZES, columns=SIZES, turned=st.booleans(), seed=st.integers(0, 99))
def test_products_by_onednn_are_as_exact_as_mkls(
    lanes: int, rows: int, inner: int, columns: int, turned: bool, seed: int
) -> None:
    if not onednn_is_wide_and_exact():
        pytest.skip("on this processor oneDNN is not asked for products")
    generator = torch.Generator().manual_seed(seed)
    one = torch.randn(lanes, rows, inner, generator=generator)
    other = torch.randn(lanes, columns if turned else inner, inner if turned else columns, generator=generator)
    other = other.mT if turned else other
    # The bound of float32 sums of so many terms, in any order.
    bound = inner * torch.finfo(torch.float32).eps * torch.bmm(one.abs().double(), other.abs().double())
    off = (bmm(one, other, wide=True).double() - torch.bmm(one.double(), other.double())).abs()
    assert (off <= bound).all()


def test_what_torch_was_told_before_holds_again_afterwards() -> None:
    products = torch.backends.mkldnn.matmul
    before = products.fp32_precision

    def fail() -> None:
        with by_onednn():
            assert products.fp32_precision == "bf16"
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert products.fp32_precision == before
    bmm(torch.ones(2, 3, 3), torch.ones(2, 3, 3), wide=True)
    assert products.fp32_precision == before
