"""What a coordinator tells a child, and the exit code by which a child says that its sweep may be tried again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

from service.home import Home
from service.place import RunnerKind

TRY_LATER = 75
"""Exit code, sendmail's: something outside of the sweep failed, which may be there again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a child is to do with a sweep whose lease it holds: train it, or show in MLflow what that lacks."""

    sweep_id: str
    work: Literal["train", "show"]
    home: Home
    runner: RunnerKind = "auto"
    address: str | None = None

    def write(self) -> str:
        """The order as one line: it may hold a password, which has no place among a process's arguments."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def read(cls, text: str) -> Self:
        """The order that `write` wrote."""
        order = json.loads(text)
        home = order.pop("home")
        return cls(home=Home(**{**home, "folder": Path(home["folder"])}), **order)
