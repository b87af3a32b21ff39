"""What is said to a user whose input is wrong: what came, what is allowed, what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


class UserError(ValueError):
    """The user gave something that cannot work; the message alone must let them mend it (exit code 2)."""


class EnvironmentFailure(RuntimeError):
    """Something outside lrsweep failed: a server, a disk, a cluster (exit code 1); nothing recorded is lost."""


class TaskError(Exception):
    """The user's own code failed; `traceback` is theirs, from their first line on."""

    def __init__(self, summary: str, traceback: str = ""):
        super().__init__(summary, traceback)
        self.summary = summary
        self.traceback = traceback

    def __str__(self) -> str:
        return f"{self.summary}\n\n{self.traceback}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in a spec: where it stands in the file and what to do about it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class SpecError(UserError):
    """All mistakes of one spec together, in the order in which they stand in the file."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 mistake" if count == 1 else f"{count} mistakes"
        super().__init__("\n".join([f"{head} in the spec:", *(f"  {problem}" for problem in self.problems)]))


def unknown(kind: str, came: str, allowed: Iterable[str]) -> str:
    """Says that a name is unknown, which one is nearest, and all that are allowed.

    >>> unknown("optimizer", "adamx", ["SGD", "AdamW"])
    "unknown optimizer 'adamx'; did you mean 'AdamW'? choose one of: SGD, AdamW"
    """
    names = list(allowed)
    folded = {name.lower(): name for name in names}
    near = get_close_matches(came.lower(), folded, n=1, cutoff=0.6)
    hint = f"did you mean '{folded[near[0]]}'? " if near else ""
    return f"unknown {kind} '{came}'; {hint}choose one of: {', '.join(names)}"
