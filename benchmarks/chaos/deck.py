"""Whose turn it is to be struck."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_PATIENCE = 90.0
"""Seconds that a victim which is not there is waited for, once each has been struck."""


@dataclass(slots=True)
class Deck:
    """Victims like cards: each has its turn before any comes again. Each strikes and says whether anybody was there."""

    victims: Mapping[str, Callable[[], bool]]
    dice: random.Random
    clock: Callable[[], float] = time.monotonic
    kills: Counter[str] = field(default_factory=Counter)
    _left: list[str] = field(default_factory=list)
    _last: float = 0.0

    @property
    def spared(self) -> list[str]:
        """Who was never struck."""
        return [victim for victim in self.victims if not self.kills[victim]]

    def strike(self) -> str | None:
        """Strikes the first that is there of those whose turn it is, and names it; None if nobody is.

        Who takes long to be there is waited for, and nobody else is struck meanwhile: always until each has been struck
        once, then for a while.
        """
        if not self._left or (not self.spared and self.clock() - self._last > _PATIENCE):
            self._left, self._last = self.dice.sample(list(self.victims), len(self.victims)), self.clock()
        for victim in self._left:
            if self.victims[victim]():
                self._left.remove(victim)
                self._last = self.clock()
                self.kills[victim] += 1
                return victim
        return None
