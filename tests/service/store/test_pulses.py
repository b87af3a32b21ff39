"""A pulse differs whenever there is something new to tell."""

from collections.abc import Callable

import pytest

from service.records import Status
from service.store import Store
from sweeps.records import Outcome
from tests.service.api.conftest import fill
from tests.service.store.conftest import Make

make = Make()


NEWS: dict[str, Callable[[Store, str], object]] = {
    "report": lambda store, id: store.recorder(id).reported([(0, make.report(9), 1.0)]),
    "trials are to run again": lambda store, id: store.reset_failed(id),
    "sweep ends": lambda store, id: store.finish(id, Status.DONE),
    "sweep is interrupted": lambda store, id: store.finish(id, Status.INTERRUPTED),
}


@pytest.mark.parametrize("news", NEWS.values(), ids=NEWS)
def test_news_change_the_pulse(store: Store, news: Callable[[Store, str], object]) -> None:
    sweep_id, other = fill(store, status=None), fill(store, status=None)
    store.recorder(sweep_id).ended(2, make.ended(Outcome.FAILED, error="boom"), None)
    before = store.pulses([sweep_id, other])
    assert store.pulses([sweep_id, other]) == before
    news(store, sweep_id)
    after = store.pulses([sweep_id, other])
    assert after[sweep_id] != before[sweep_id]
    assert after[other] == before[other]
