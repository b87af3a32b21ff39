"""All that speaks against a sweep's answer, in one list: what it was warned of, what failed, what was doubtful."""

from collections.abc import Iterator

from service.report.material import Material
from sweeps.records import Outcome

_FAILURES = 5
_LONGEST = 1000


def cautions(material: Material) -> list[tuple[str, str]]:
    """Where it was seen, and what is to be said of it, in a thousand characters each."""
    return [(where, message[-_LONGEST:]) for where, message in _cautions(material)]


def _cautions(material: Material) -> Iterator[tuple[str, str]]:
    if material.sweep.error:
        yield "sweep", material.sweep.error.strip()
    for pick in material.picks:
        for note in pick.notes:
            yield f"{pick.optimizer}, {pick.scheduler}", note
    for test in material.tests:
        if not test.trusted:
            yield f"range test {test.optimizer}", f"not to be trusted: {'; '.join(test.reasons)}"
    for finding in material.sweep.findings:
        yield finding.where, finding.message
    failed = [trial for trial in material.trials if trial.outcome is Outcome.FAILED]
    for trial in failed[:_FAILURES]:
        yield f"trial {trial.proposal.number}", (trial.error or "failed").strip().rpartition("\n")[2]
    if len(failed) > _FAILURES:
        yield "trials", f"{len(failed) - _FAILURES} more FAILED"
