"""The LR passports of one sweep, made of what the store kept of it."""

from dataclasses import dataclass, replace
from typing import Self

from service.records import SweepRecord
from sweeps.passport import Passport, passport_of_pick, passport_of_range_test
from sweeps.records import CodeVersion, Pick, RangeTest
from sweeps.rules import RuleReading
from sweeps.spec import SweepSpec
from sweeps.specfile import known_spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Passports:
    """Makes the passport of any initial LR that a sweep found."""

    spec: SweepSpec
    batch_size: int | None
    accumulation: int
    code: CodeVersion

    @classmethod
    def of(cls, sweep: SweepRecord) -> Self:
        """Those of a sweep; of one that never began to train, or did before code was kept, the task's name alone."""
        spec = known_spec(sweep.spec)
        return cls(
            spec=spec,
            batch_size=sweep.batch_size,
            accumulation=sweep.accumulation,
            code=sweep.code or CodeVersion(task=sweep.task),
        )

    def of_pick(self, pick: Pick) -> Passport:
        """That of what trials found."""
        return replace(passport_of_pick(pick, self.spec, self.batch_size, self.code), accumulation=self.accumulation)

    def of_range_test(self, test: RangeTest) -> Passport:
        """That of what a range test recommends."""
        found = passport_of_range_test(test, self.spec, self.batch_size, self.code)
        return replace(found, accumulation=self.accumulation)

    def of_rule(self, test: RangeTest, reading: RuleReading) -> Passport | None:
        """That of what one rule reads off a range test; None where it reads nothing."""
        if reading.lr is None:
            return None
        read = self.of_range_test(replace(test, initial_lr=reading.lr, probe=()))
        return replace(read, evidence=f"rule {reading.rule}, {read.evidence}")
