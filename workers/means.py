"""The metrics of many batches as one: each the mean over the examples of the batches that have it."""

from collections.abc import Mapping

import torch
from torch import Tensor


class Means:
    """Means by name, of numbers [] or of one for each lane, [K], which stay on their device until they are asked for.

    >>> means = Means()
    >>> means.add({"loss": torch.tensor(1.0), "auc": torch.tensor(0.5)}, examples=3)
    >>> means.add({"loss": torch.tensor(5.0)}, examples=1)
    >>> means.numbers()
    {'loss': 2.0, 'auc': 0.5}
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._examples: dict[str, int] = {}

    def add(self, metrics: Mapping[str, Tensor], examples: int) -> None:
        """Takes what a batch of so many examples has; one without two classes, say, has no AUC."""
        for name, values in metrics.items():
            start = self._sums.get(name, torch.zeros((), device=values.device))
            self._sums[name] = start + values.double() * examples
            self._examples[name] = self._examples.get(name, 0) + examples

    def numbers(self) -> dict[str, float]:
        """The means of one model."""
        return {name: float(total) / self._examples[name] for name, total in self._sums.items()}

    def of_lanes(self) -> dict[str, list[float]]:
        """The means of stacked lanes, [K]."""
        return {name: (total / self._examples[name]).tolist() for name, total in self._sums.items()}
