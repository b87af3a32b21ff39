"""What is said of the number of trials, beside what the proposer then does."""

import re

import pytest

from sweeps.lint import lint
from sweeps.pairs import pairs_of
from sweeps.spec import SchedulerSpec
from tests.sweeps.simulation import simulate, simulated_spec


@pytest.mark.parametrize("trials", range(1, 20))
@pytest.mark.parametrize("starts", [(), None], ids=["no starts", "a start"])
def test_every_pair_is_tried_but_for_those_that_may_get_no_trial(trials: int, starts: tuple[()] | None) -> None:
    schedulers = tuple(SchedulerSpec(name=name) for name in ("none", "StepLR", "CosineAnnealingLR", "LinearLR"))
    given = {} if starts is None else {"starts": starts}
    spec = simulated_spec("tpe", "none", schedulers=schedulers, trials=trials, **given)
    said = [each.message for each in lint(spec) if each.rule == "pairs-without-a-turn"]
    missed = re.search(r"(\d+) may get none", said[0]) if said else None
    most = int(missed[1]) if missed else 0
    pairs = set(pairs_of(spec))
    tried = {(each.optimizer, each.scheduler) for each in simulate(spec).proposals}
    assert len(pairs - tried) <= most < len(pairs)
    assert not (said and trials >= 2 * len(pairs))


def test_too_many_zeros_cost_no_time() -> None:
    spec = simulated_spec("tpe", "none", trials=10**12)
    assert not [each for each in lint(spec) if each.rule == "pairs-without-a-turn"]
