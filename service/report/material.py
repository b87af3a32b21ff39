"""All that a report tells of one sweep, read from the store at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.archive import Archive
from service.history import history
from service.passports import Passports
from service.records import Curve, SweepRecord, TrialRecord
from sweeps.pruning import rungs
from sweeps.records import Pick, RangeTest, TrialResult
from sweeps.rules import RuleReading, apply_rules
from sweeps.space import search_space
from sweeps.spec import SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """One sweep. `readings` holds what each rule reads off the range test of each optimizer; `shapes` the curve of the
    first trial of each scheduler's best pick, by that trial's number; `shares` how much each parameter matters.
    """

    sweep: SweepRecord
    passports: Passports
    trials: Sequence[TrialRecord]
    picks: Sequence[Pick]
    tests: Sequence[RangeTest]
    readings: Mapping[str, Mapping[str, RuleReading]]
    history: Sequence[TrialResult]
    shapes: Mapping[int, Curve]
    shares: Mapping[str, float]

    @property
    def spec(self) -> SweepSpec:
        return self.passports.spec

    @property
    def steps_per_epoch(self) -> int:
        """Of a plain training function, which does not say beforehand, by what the first curve came to."""
        if self.sweep.steps_per_epoch:
            return self.sweep.steps_per_epoch
        epochs = {trial.proposal.number: trial.epochs for trial in self.trials}
        known = (len(curve.steps) // epochs[number] for number, curve in self.shapes.items() if epochs[number])
        return max(1, next(known, 1))

    @property
    def epochs(self) -> int:
        """Epochs of a trial that is trained to the end."""
        return self.spec.budget.total_epochs(self.steps_per_epoch)

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs after which trials were compared."""
        return rungs(self.spec.pruner, self.epochs)


def gather(archive: Archive, sweep_id: str) -> Material:
    """Reads a sweep. Raises UserError if there is none of that id."""
    # Optuna takes a second to import, which whoever only asks for help need not wait for.
    from sweeps.importance import importances

    sweep = archive.sweep(sweep_id)
    passports = Passports.of(sweep)
    spec, tests, results = passports.spec, archive.range_tests(sweep_id), history(archive, sweep_id)
    picks = archive.picks(sweep_id)
    best = {pick.scheduler: pick.trials[0] for pick in reversed(picks)}
    space = search_space(spec, tests, spec.budget.total_epochs(sweep.steps_per_epoch or 1))
    return Material(
        sweep=sweep,
        passports=passports,
        trials=archive.trials(sweep_id),
        picks=picks,
        tests=tests,
        readings={test.optimizer: apply_rules(test) for test in tests},
        history=results,
        shapes={number: archive.curve(sweep_id, number) for number in best.values()},
        shares=importances(results, space, spec.objective),
    )
