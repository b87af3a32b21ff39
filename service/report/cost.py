"""What a sweep cost, by how its trials ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.records import TrialRecord
from service.report.material import Material
from sweeps.records import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Trials of one outcome. `seconds` is the sum from each one's start to its end, also where many train at once."""

    outcome: str
    meaning: str
    trials: int
    epochs: int
    seconds: float


def costs(trials: Sequence[TrialRecord]) -> list[Cost]:
    """A row for each outcome that there is, and the sum of all of them last."""
    rows = [
        _cost(outcome.value.lower(), outcome.sentence, [trial for trial in trials if trial.outcome is outcome])
        for outcome in Outcome
    ]
    running = _cost("unfinished", "not over yet", [trial for trial in trials if trial.outcome is None])
    present = [row for row in (*rows, running) if row.trials]
    return [*present, _cost("all", "", trials)] if len(present) > 1 else present


def _cost(outcome: str, meaning: str, trials: Sequence[TrialRecord]) -> Cost:
    return Cost(
        outcome=outcome,
        meaning=meaning,
        trials=len(trials),
        epochs=sum(trial.epochs for trial in trials),
        seconds=sum((each.ended - each.started).total_seconds() for each in trials if each.ended and each.started),
    )


def cost_sentences(material: Material) -> list[str]:
    """What the table does not say: the time on the clock, and what pruning saved."""
    sweep, sentences = material.sweep, []
    if sweep.started and sweep.ended:
        sentences.append(f"From start to end {duration((sweep.ended - sweep.started).total_seconds())} on the clock.")
    pruned = [trial for trial in material.trials if trial.outcome is Outcome.PRUNED]
    if saved := sum(max(0, material.epochs - trial.epochs) for trial in pruned):
        whole = material.epochs * len(material.trials)
        sentences.append(f"Pruning left out {saved} of {whole} epochs ({saved / whole:.0%}).")
    if material.tests:
        test = material.tests[0]
        sentences.append(
            f"Before that, range tests of {len(material.tests)} optimizers: {len(test.lrs)} steps on each of "
            f"{len(test.seeds)} seeds."
        )
    if sweep.lanes is not None and sweep.lanes.count > 1:
        how = "stacked" if sweep.lanes.fused else "in turns"
        sentences.append(f"Each worker trained up to {sweep.lanes.count} trials at once, {how}.")
    return sentences


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(3.21), duration(95), duration(3 * 3600 + 125)
    ('3.2 s', '1 min 35 s', '3 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
