"""However many follow, the store is looked at once; what it said is shared, and whoever is late is not left behind."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

from sqlalchemy import event

from service.api.follower import Follower
from service.api.moment import PAGE, Moment
from service.api.watch import Watch
from service.records import Status
from service.store import Store
from sweeps.errors import EnvironmentFailure
from tests.service.api.conftest import fill
from tests.service.store.conftest import Make

make = Make()


def moment(store: Store, sweep_id: str) -> Moment:
    return Moment(store, store.pulses([sweep_id])[sweep_id])


def kinds(follower: Follower, now: Moment) -> Counter[str]:
    return Counter(each.kind for each in follower.news(now))


def test_what_one_has_asked_another_is_told_without_a_query(store: Store) -> None:
    sweep_id = fill(store)
    queries: list[str] = []
    now = moment(store, sweep_id)
    first = kinds(Follower(), now)
    assert first == {"range-test": 1, "report": 3, "trial": 2, "sweep": 1}
    event.listen(store._engine, "before_cursor_execute", lambda *args: queries.append(args[2]))
    assert [kinds(Follower(), now) for _ in range(3)] == [first] * 3
    assert queries == []
    assert Follower().news(now)[0].encoded is Follower().news(now)[0].encoded


def test_the_late_are_told_page_by_page(store: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr("service.api.moment.PAGE", 2)
    monkeypatch.setattr("service.api.follower.PAGE", 2)
    sweep_id = fill(store)
    follower, now = Follower(), moment(store, sweep_id)
    assert kinds(follower, now) == {"range-test": 1, "report": 2}
    assert (follower.more, follower.over) == (True, False)
    assert kinds(follower, now) == {"report": 1, "trial": 2, "sweep": 1}
    assert (follower.more, follower.over) == (False, True)
    assert PAGE > 2


def test_a_bell_rings_for_those_whose_sweep_has_changed(store: Store) -> None:
    quiet, busy = fill(store, status=None), fill(store, status=None)
    looks = 0
    pulses = store.pulses

    def counted(ids: Any) -> Any:
        nonlocal looks
        looks += 1
        return pulses(ids)

    store.pulses = counted  # type: ignore[method-assign]

    async def follow() -> None:
        watch = Watch(store, 0.02)
        async with AsyncExitStack() as stack:
            now = pulses([quiet, busy])
            many = [await stack.enter_async_context(watch.following(now[busy])) for _ in range(50)]
            one = await stack.enter_async_context(watch.following(now[quiet]))
            assert len({id(each) for each in many}) == 1
            bells, before = (one.bell, many[0].bell), looks
            store.recorder(busy).reported([(2, make.report(1), 1.0)])
            await asyncio.wait_for(bells[1].wait(), 5)
            assert not bells[0].is_set()
            store.finish(quiet, Status.INTERRUPTED)
            await asyncio.wait_for(bells[0].wait(), 5)
            await asyncio.sleep(0.1)
            assert looks - before < 20
        await asyncio.sleep(0.1)
        idle = looks
        await asyncio.sleep(0.1)
        assert looks == idle

    asyncio.run(follow())


def test_a_store_that_is_away_ends_all_streams_and_the_next_looks_anew(store: Store) -> None:
    sweep_id = fill(store, status=None)
    pulses = store.pulses

    def away(ids: Any) -> Any:
        raise EnvironmentFailure("away")

    async def follow() -> None:
        watch, before = Watch(store, 0.02), pulses([sweep_id])[sweep_id]
        store.pulses = away  # type: ignore[method-assign]
        async with watch.following(before) as watched:
            await asyncio.wait_for(watched.bell.wait(), 5)
            assert watched.lost
        store.pulses = pulses  # type: ignore[method-assign]
        store.recorder(sweep_id).reported([(2, make.report(1), 1.0)])
        async with watch.following(before) as watched:
            await asyncio.wait_for(watched.bell.wait(), 5)
            assert not watched.lost

    asyncio.run(follow())
