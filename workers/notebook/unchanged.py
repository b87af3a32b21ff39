"""A block that leaves everything as it was: the objects, the process's random streams and torch's switches."""

import inspect
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.backends import cudnn

from workers.notebook.kept import RANDOM_STREAMS, Kept

_CUDA = torch.cuda.is_available()

STREAMS: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
    (random.getstate, random.setstate),
    (lambda: np.random.get_state(legacy=False), np.random.set_state),
    (torch.get_rng_state, torch.set_rng_state),
    *([(torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all)] if _CUDA else []),
)
"""How each of the process's random streams is read and written, those of all CUDA devices together."""


def _switch(name: str) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    return lambda: getattr(cudnn, name), lambda value: setattr(cudnn, name, value)


SWITCHES: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_num_threads, torch.set_num_threads),
    _switch("benchmark"),
    _switch("deterministic"),
)
"""How each of torch's switches that a loss may turn is read and written."""


@contextmanager
def unchanged(*things: Any, batches: Any = None) -> Iterator[Kept]:
    """Puts these things back when the block ends, however it ends; the block may do so in between.

    Random streams and torch's switches are put back as well. A Ctrl-C that comes meanwhile waits.
    """
    switches = [(read, write, read()) for read, write in SWITCHES]
    streams = [(write, read()) for read, write in STREAMS]
    kept = Kept(*things, batches=batches)
    try:
        yield kept
    finally:
        with _uninterrupted():
            kept.restore()
            for write, state in streams:
                write(state)
            for read, write, value in switches:
                if read() != value:
                    write(value)


def used_by(function: Any) -> list[Any]:
    """The modules and random streams that a function names or is bound to: a criterion with weights, say."""
    if inspect.isfunction(function):
        names = inspect.getclosurevars(function)
        used = [*names.nonlocals.values(), *names.globals.values()]
    else:
        used = [function, getattr(function, "__self__", None)]
    return [each for each in used if isinstance(each, (nn.Module, *RANDOM_STREAMS))]


@contextmanager
def own_streams() -> Iterator[None]:
    """Lets a block draw random numbers that nobody outside it misses."""
    before = [(write, read()) for read, write in STREAMS]
    try:
        yield
    finally:
        for write, value in before:
            write(value)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Holds Ctrl-C back until the block is through. Only a process's main thread is ever interrupted."""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or handler is None:
        yield
        return
    came: list[Any] = []
    signal.signal(signal.SIGINT, lambda *given: came.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came and callable(handler):
            handler(*came[0])
