"""What a child logs of its sweep: its milestones, not its epochs."""

from collections.abc import Sequence

from service.coordinator.log import say
from sweeps.failures import last_line
from sweeps.lanerecords import LanePlan, LaneProbe
from sweeps.records import Ended, Pick, Proposal, RangeTest, Reported, TaskInfo


class Journal:
    """A Recorder that logs."""

    def __init__(self, sweep_id: str):
        self._sweep = sweep_id

    def probed(self, info: TaskInfo) -> None:
        say("probed", sweep=self._sweep, device=info.device, parameters=info.parameters)

    def planned(self, plan: LanePlan, probe: LaneProbe | None) -> None:
        say("planned", sweep=self._sweep, lanes=plan.count, fused=plan.fused)

    def range_tested(self, test: RangeTest) -> None:
        say("range_tested", sweep=self._sweep, optimizer=test.optimizer, lr=test.initial_lr, trusted=test.trusted)

    def proposed(self, proposal: Proposal) -> None:
        pass

    def reported(self, epochs: Sequence[Reported]) -> None:
        pass

    def ended(self, number: int, ended: Ended, value: float | None) -> None:
        if not ended.interrupted:
            error = last_line(ended.error) if ended.error else None
            say("trial", sweep=self._sweep, number=number, outcome=ended.outcome.value, value=value, error=error)

    def picked(self, picks: Sequence[Pick]) -> None:
        say("picked", sweep=self._sweep, picks=len(picks))
