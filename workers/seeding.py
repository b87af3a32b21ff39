"""One seed a lane: every epoch draws from streams of its own, so that a resumed lane goes on bit for bit."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_EPOCH, _ORDER = range(2)


def _derive(*entropy: int) -> int:
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint32)[0])


def _seed_global_streams(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    if torch.accelerator.is_available():
        torch.manual_seed(seed)
    else:
        # The same; but that one writes down the stack three times, for devices that might come: 0.1 to 1 ms.
        torch.default_generator.manual_seed(seed)


def seed_model(seed: int) -> None:
    """Seeds torch, numpy and random before a model is made: `torch.manual_seed(seed)`, as a plain script has it."""
    _seed_global_streams(seed)


def seed_epoch(seed: int, epoch: int) -> None:
    """Seeds dropout, augmentation and the like for one epoch (from 0), so that no RNG state need be kept."""
    _seed_global_streams(_derive(_EPOCH, seed, epoch))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Puts the global streams of torch, numpy and random back to where they stood."""
    python, legacy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng([torch.cuda.current_device()] if torch.cuda.is_available() else []):
        yield
    random.setstate(python)
    np.random.set_state(legacy)


def data_order(count: int, seed: int, epoch: int) -> torch.Tensor:
    """The order of `count` examples in one epoch, [count]: the same for every lane with this seed.

    >>> data_order(4, seed=0, epoch=1).tolist() == data_order(4, seed=0, epoch=1).tolist()
    True
    """
    generator = torch.Generator().manual_seed(order_seed(seed, epoch))
    return torch.randperm(count, generator=generator)


def order_seed(seed: int, epoch: int) -> int:
    """Where the order of one epoch (from 0) starts from."""
    return _derive(_ORDER, seed, epoch)


def seed_order(generator: object, seed: int, epoch: int) -> None:
    """Seeds what a loader draws the order of one epoch (from 0) from, if that is a generator of its own.

    It would go on from trial to trial; without one the order follows the global seed.
    """
    if isinstance(generator, torch.Generator):
        generator.manual_seed(order_seed(seed, epoch))
