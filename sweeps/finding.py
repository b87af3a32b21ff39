"""What the linter says: where in a spec, what is wrong there, how to mend it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sweeps.errors import Problem, SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that cannot work (an error) or means less than it seems to (a warning)."""

    rule: str = ""
    """The name of the rule that says it."""
    severity: Literal["error", "warning"]
    where: str
    """The place in the spec: `schedulers[1].OneCycleLR.total_steps`."""
    what: str
    mend: str

    @property
    def message(self) -> str:
        """What is wrong, and the mend.

        >>> Finding(severity="warning", where="trials", what="there are none", mend="give some").message
        'there are none; give some'
        """
        return f"{self.what}; {self.mend}"

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def warning(where: str, what: str, mend: str) -> Finding:
    """A finding with which the sweep may run."""
    return Finding(severity="warning", where=where, what=what, mend=mend)


def error(where: str, what: str, mend: str) -> Finding:
    """A finding with which the sweep must not run."""
    return Finding(severity="error", where=where, what=what, mend=mend)


def noticed(text: str) -> Finding:
    """What a worker noticed about its lanes while it trained."""
    return warning("lanes", text, "nothing is lost; `lanes: {mode: looped}` trains in turns from the start")


def refuse_errors(findings: Iterable[Finding]) -> None:
    """Raises SpecError with all errors among the findings."""
    problems = [Problem(path=each.where, message=each.message) for each in findings if each.severity == "error"]
    if problems:
        raise SpecError(problems)
