"""A range test is kept whole, whatever is in it, on both databases."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.store import Store, StoreRecorder
from sweeps.records import CodeVersion, Probed, RangeTest, TaskInfo

series = st.lists(st.floats(), max_size=5).map(tuple)
lrs = st.floats(allow_nan=False).map(lambda lr: lr + 0.0)
"""What was concluded is a number; only what was measured may be none. Databases keep no negative zero."""
seeds = st.integers(0, 2**32 - 1)
probes = st.lists(st.builds(Probed, lr=st.floats(), seed=seeds, values=series, exploded=st.booleans())).map(tuple)
tests = st.builds(
    RangeTest,
    optimizer=st.sampled_from(["SGD", "my_optimizers.py:Lion"]),
    scheduler=st.sampled_from(["none", "CosineAnnealingLR"]),
    initial_lr=lrs,
    low=lrs,
    high=lrs,
    interval=st.none() | st.tuples(lrs, lrs),
    trusted=st.booleans(),
    reasons=st.lists(st.text("ab. %|"), max_size=2).map(tuple),
    seeds=st.lists(seeds, max_size=3).map(tuple),
    lrs=series,
    losses=st.lists(series, max_size=3).map(tuple),
    metric_steps=st.lists(st.integers(0, 10**9), max_size=4).map(tuple),
    metrics=st.dictionaries(st.text(max_size=8), st.lists(series, max_size=3).map(tuple), max_size=3),
    probe=probes,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(test=tests)
def test_a_range_test_comes_back_as_it_was(
    test: RangeTest, store: Store, sweep_id: str, recorder: StoreRecorder
) -> None:
    for _ in range(2):
        recorder.range_tested(test)
        (back,) = [each for each in store.range_tests(sweep_id) if each.optimizer == test.optimizer]
        # NaN is not equal to itself, but a float's text says it exactly.
        assert repr(back) == repr(test)


def test_what_a_passport_needs_is_kept_with_the_sweep(store: Store, sweep_id: str, recorder: StoreRecorder) -> None:
    assert (store.sweep(sweep_id).batch_size, store.sweep(sweep_id).code) == (None, None)
    code = CodeVersion(task="a.py:B", sha256="00" * 32, lrsweep="0.1.0", torch="2.13.0")
    recorder.probed(TaskInfo(steps_per_epoch=3, batch_size=64))
    store.set_code(sweep_id, code)
    assert (store.sweep(sweep_id).batch_size, store.sweep(sweep_id).code) == (64, code)
