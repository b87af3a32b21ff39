"""What sweeps need and what there is: processors and GPUs."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """So many processors and GPUs; a GPU may be shared."""

    cpus: float
    gpus: float = 0.0

    def fit(self, within: "Needs") -> bool:
        """True if there is that much.

        >>> Needs(cpus=2).fit(Needs(cpus=4, gpus=1)), Needs(cpus=2, gpus=0.5).fit(Needs(cpus=4))
        (True, False)
        """
        return self.cpus <= within.cpus + _ROUNDING and self.gpus <= within.gpus + _ROUNDING

    def less(self, taken: Iterable["Needs"]) -> "Needs":
        """What is left of it.

        >>> Needs(cpus=4, gpus=1).less([Needs(cpus=1), Needs(cpus=2, gpus=0.25)])
        Needs(cpus=1.0, gpus=0.75)
        """
        cpus, gpus = self.cpus, self.gpus
        for each in taken:
            cpus, gpus = cpus - each.cpus, gpus - each.gpus
        return Needs(cpus=float(cpus), gpus=float(gpus))

    def __str__(self) -> str:
        return f"{self.cpus:g} CPU, {self.gpus:g} GPU"


_ROUNDING = 1e-6
"""GPUs are shared by thirds and tenths."""


def needs_of(spec: Mapping[str, Any]) -> Needs:
    """What the workers of a raw spec need, as the defaults of `workers` say; a spec that is wrong needs nothing.

    >>> spec = {"task": "digits", "optimizers": ["SGD"], "budget": {"epochs": 1}, "trials": 1}
    >>> needs_of({**spec, "workers": {"count": 2, "gpus": 0.5}})
    Needs(cpus=2.0, gpus=1.0)
    """
    from sweeps.errors import UserError
    from sweeps.specfile import known_spec

    try:
        workers = known_spec(spec).workers
    except UserError:
        # Its process will say what is wrong with it.
        return Needs(cpus=0.0)
    return Needs(cpus=float(workers.count * workers.cpus), gpus=float(workers.count * workers.gpus))


def this_machine() -> Needs:
    """The processors that this process may use, and this machine's NVIDIA GPUs: asked of the kernel, not of torch."""
    gpus = len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
    return Needs(cpus=float(len(os.sched_getaffinity(0))), gpus=float(gpus))
