"""Torch's global random streams, which plain and stacked lanes draw from."""

from collections.abc import Sequence

import torch
from torch import Tensor


class RandomStreams:
    """The global random streams that computations on a device draw from."""

    def __init__(self, device: torch.device):
        self._generators = [torch.default_generator]
        if device.type == "cuda":
            index = torch.cuda.current_device() if device.index is None else device.index
            self._generators.append(torch.cuda.default_generators[index])

    def get(self) -> list[Tensor]:
        """Where the streams stand."""
        return [each.get_state() for each in self._generators]

    def set(self, state: Sequence[Tensor]) -> None:
        """Goes on from there."""
        for generator, each in zip(self._generators, state, strict=True):
            generator.set_state(each)

    def moved(self, since: Sequence[Tensor]) -> bool:
        """True if anything was drawn since."""
        return not all(map(torch.equal, self.get(), since))
