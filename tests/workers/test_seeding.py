"""Every stream of random numbers follows from a seed and an epoch, and from nothing that happened before."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workers.seeding import data_order, seed_epoch, seed_model


def draws() -> tuple[list[float], list[float], list[float]]:
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), [random.random() for _ in range(3)]


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**32 - 1])
def test_a_model_is_seeded_as_a_plain_script_seeds_it(seed: int) -> None:
    seed_model(seed)
    ours = draws()
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    assert draws() == ours


@given(seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 10_000))
def test_an_epoch_draws_the_same_whatever_was_drawn_before(seed: int, epoch: int) -> None:
    seed_epoch(seed, epoch)
    first = draws()
    draws()
    seed_epoch(seed, epoch)
    assert draws() == first


def test_epochs_seeds_and_the_model_draw_from_streams_of_their_own() -> None:
    streams = []
    for seed in range(4):
        seed_model(seed)
        streams.append(draws())
        for epoch in range(4):
            seed_epoch(seed, epoch)
            streams.append(draws())
    assert len({repr(stream) for stream in streams}) == len(streams)


@given(count=st.integers(1, 200), seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 1000))
def test_an_order_holds_every_example_once_and_disturbs_no_other_stream(count: int, seed: int, epoch: int) -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    order = data_order(count, seed, epoch)
    assert torch.equal(torch.rand(2), expected)
    assert sorted(order.tolist()) == list(range(count))
    assert torch.equal(order, data_order(count, seed, epoch))


def test_orders_differ_from_epoch_to_epoch_and_from_seed_to_seed() -> None:
    orders = {tuple(data_order(20, seed, epoch).tolist()) for seed in range(10) for epoch in range(10)}
    assert len(orders) == 100
