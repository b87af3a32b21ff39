"""What every test here needs: one thread, numbers as they come, and hypothesis without a clock."""

import pytest
import torch
from hypothesis import settings

# A busy machine is no failure, and the same tests run every time.
settings.register_profile("lrsweep", deadline=None, derandomize=True)
settings.load_profile("lrsweep")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """In fixtures of modules, too: on a busy machine two threads are ten times slower on small models."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def plain_arithmetic() -> None:
    """One thread, and subnormal numbers: a worker changes both for its whole process."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(False)
