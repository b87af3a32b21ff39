"""Data of every kind becomes batches that hold each example once an epoch, in an order that only the seed decides."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)

from sweeps.errors import TaskError
from sweeps.records import Outcome
from tests.workers.small import CPU, Examples, Regression, a_job, hear, prepared, train
from workers.data import Batches, Mapped, Stream, batches_of
from workers.inmemory import InMemory, Loaded
from workers.seeding import data_order
from workers.structures import example_count, map_tensors, tensors_in


class WithBatchSize:
    """As much of a task as batching looks at."""

    def __init__(self, batch_size: Any = 4, **more: Any):
        self.batch_size = batch_size
        vars(self).update(more)


class Squares(Dataset[dict[str, Any]]):
    """A map-style dataset of n examples."""

    def __init__(self, count: int):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": torch.tensor(float(index)), "square": index**2, "name": f"number {index}"}


class Countdown(IterableDataset[Tensor]):
    """A dataset that only iterates."""

    def __iter__(self) -> Iterator[Tensor]:
        return iter(torch.arange(10.0))


def batches(split: Any, batch_size: Any = 4, **task: Any) -> Batches:
    return batches_of(split, WithBatchSize(batch_size, **task), CPU)


def ids(count: int) -> Tensor:
    return torch.arange(count)


def in_memory(count: int, batch_size: int) -> Batches:
    return batches((ids(count), ids(count) * 10.0), batch_size)


def mapped(count: int, batch_size: int) -> Batches:
    return batches(Examples(ids(count), ids(count) * 10.0), batch_size)


def equal(ours: Iterable[Any], theirs: Iterable[Any]) -> None:
    """Checks that batches are the same in structure, type and every bit."""
    for mine, its in zip(ours, theirs, strict=True):
        assert type(mine) is type(its)
        assert [each.dtype for each in mine] == [each.dtype for each in its]
        assert all(map(torch.equal, mine, its))


both = pytest.mark.parametrize("made", [in_memory, mapped], ids=["tensors", "Dataset"])


@both
@given(
    count=st.integers(1, 40), batch_size=st.integers(1, 45), seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 99)
)
def test_every_example_comes_once_an_epoch_with_its_own_label(
    made: Any, count: int, batch_size: int, seed: int, epoch: int
) -> None:
    split = made(count, batch_size)
    shuffled = list(split.shuffled(seed, epoch))
    assert len(shuffled) == split.per_epoch
    assert [len(x) for x, _ in shuffled[:-1]] == [batch_size] * (len(shuffled) - 1)
    assert 1 <= len(shuffled[-1][0]) <= batch_size
    x, y = (torch.cat(parts) for parts in zip(*shuffled, strict=True))
    assert sorted(x.tolist()) == list(range(count))
    assert torch.equal(y, x * 10.0)
    assert torch.equal(x, data_order(count, seed, epoch))
    assert torch.equal(torch.cat([batch[0] for batch in split.in_order()]), ids(count))


@both
def test_the_order_follows_from_seed_and_epoch_alone(made: Any) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return torch.cat([batch[0] for batch in made(30, 7).shuffled(seed, epoch)]).tolist()

    first = order(1, 0)
    torch.rand(5)
    assert order(1, 0) == first
    assert len({tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1, 2)}) == 6
    assert order(1, 0) == torch.cat([batch[0] for batch in in_memory(30, 3).shuffled(1, 0)]).tolist()


def test_a_loss_that_writes_into_its_batch_changes_no_data() -> None:
    x, y = torch.ones(5, 2), torch.zeros(5)
    batches = batches_of((x, y), Regression(), CPU)
    for _ in range(2):
        [(given, _)] = batches.in_order()
        assert given.eq(1).all()
        given.mul_(7)


def test_tensors_and_a_dataset_of_them_train_alike() -> None:
    class AsDataset(Regression):
        def data(self) -> Any:
            train_split, val = super().data()
            return Examples(*train_split), Examples(*val)

    assert hear(train(prepared(AsDataset()), a_job())).steps == hear(train(prepared(), a_job())).steps


@pytest.mark.parametrize(
    "part",
    [
        lambda whole: whole,
        lambda whole: Subset(whole, range(3, 20, 2)),
        lambda whole: Subset(Subset(whole, [7, 1, 30, 12, 5]), [4, 0, 3]),
        lambda whole: random_split(whole, [0.3, 0.7], generator=torch.Generator().manual_seed(2))[1],
    ],
    ids=["whole", "subset", "subset of a subset", "random_split"],
)
def test_a_dataset_of_tensors_is_batched_from_memory_as_it_would_be_collated(part: Any) -> None:
    held = [torch.randn(31, 3), ids(31), torch.arange(62).view(31, 2) > 4]
    at_once, collated = (batches(part(kind(*held))) for kind in (TensorDataset, Examples))
    assert (type(at_once), type(collated)) == (InMemory, Mapped)
    assert at_once.per_epoch == collated.per_epoch
    for one, other in ((at_once.shuffled(3, 2), collated.shuffled(3, 2)), (at_once.in_order(), collated.in_order())):
        equal(one, other)


@pytest.mark.parametrize(
    "split",
    [
        lambda *tensors: tensors,
        TensorDataset,
        lambda *tensors: DataLoader(TensorDataset(*tensors), batch_size=4),
    ],
    ids=["tensors", "a Dataset of them", "a DataLoader of them"],
)
@pytest.mark.parametrize(("free", "home"), [(400, "cuda"), (399, "cpu")])
def test_data_stay_on_a_gpu_where_they_fit_and_batches_are_always_there(
    split: Any, free: int, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU that only torch's fake tensors have: indices that stayed behind are an error there as well."""
    gpu = torch.device("cuda", 0)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80 * 2**30))
    with FakeTensorMode():
        read = batches_of(split(torch.randn(10, 3), ids(10)), WithBatchSize(4), gpu)
        assert isinstance(read, InMemory | Loaded)
        assert read.home.type == home
        assert [[each.device for each in batch] for batch in read.shuffled(1, 0)] == [[gpu, gpu]] * 3
        at_once = read.at(torch.stack([read.order(seed, 0)[:4] for seed in range(3)]).to(read.home))
        assert [(each.device, each.shape[:2]) for each in at_once] == [(gpu, (3, 4))] * 2


ORDERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "as they lie": lambda data: {},
    "by the global stream": lambda data: {"shuffle": True},
    "by a generator": lambda data: {"shuffle": True, "generator": torch.Generator()},
    "with replacement": lambda data: {"sampler": RandomSampler(data, replacement=True, num_samples=2 * len(data))},
    "by weights": lambda data: {"sampler": WeightedRandomSampler([1.0, *[2.0] * (len(data) - 1)], 40)},
    "of some": lambda data: {"sampler": SubsetRandomSampler(range(len(data) // 2, len(data)))},
}


@pytest.mark.parametrize("order", ORDERS)
@given(count=st.integers(1, 40), batch_size=st.integers(1, 12), drop_last=st.booleans(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_a_plain_loader_over_tensors_gives_its_own_batches_and_draws_what_it_draws(
    order: str, count: int, batch_size: int, drop_last: bool, seed: int
) -> None:
    """Against the loader itself, read as any iterable is."""
    held = TensorDataset(torch.arange(count * 2.0).view(count, 2), ids(count), torch.arange(count) > 3)
    loader: Any = DataLoader(held, batch_size=batch_size, drop_last=drop_last, **ORDERS[order](held))
    if len(loader) == 0:
        return
    ours, itself = batches(loader), Stream(source=loader, per_epoch=len(loader), device=CPU)
    assert type(ours) is Loaded
    assert ours.per_epoch == itself.per_epoch

    def read(source: Batches) -> tuple[list[Any], Tensor]:
        torch.manual_seed(seed)
        return [*source.shuffled(seed, 1), *source.shuffled(seed, 2), *source.in_order()], torch.rand(3)

    (mine, after), (its, expected) = read(ours), read(itself)
    assert torch.equal(after, expected)
    equal(mine, its)


@pytest.mark.parametrize(
    "given",
    [
        {"dataset": Examples(ids(4))},
        {"collate_fn": lambda examples: torch.stack([x for (x,) in examples]) + 1},
        {"batch_size": None},
        {"num_workers": 1},
        {"sampler": [0, 2]},
        {"sampler": RandomSampler(range(4), generator=torch.Generator())},
        {"batch_sampler": [[0, 2], [1]], "batch_size": 1},
    ],
    ids=["an own Dataset", "collated otherwise", "no batches", "workers", "a list", "a generator apart", "own batches"],
)
def test_any_other_loader_is_read_as_it_is(given: dict[str, Any]) -> None:
    loader: Any = DataLoader(**{"dataset": TensorDataset(ids(4)), **given})
    assert type(batches(loader)) is Stream


def test_a_loader_is_read_as_far_as_the_task_says() -> None:
    loader: Any = DataLoader(TensorDataset(ids(10)), batch_size=2)
    assert [x.tolist() for [x] in batches(loader, steps_per_epoch=2).shuffled(0, 0)] == [[0, 1], [2, 3]]


def test_a_loader_without_a_whole_batch_is_refused() -> None:
    with pytest.raises(TaskError, match="a length of at least 1, got 0"):
        batches(DataLoader(TensorDataset(ids(3)), batch_size=4, drop_last=True))


def test_what_random_split_gives_is_a_training_and_a_validation_split() -> None:
    class Parted(Regression):
        def data(self) -> Any:
            train_split, _ = super().data()
            return random_split(TensorDataset(*train_split), [16, 6])

    ready = prepared(Parted())
    assert ready.val is not None
    assert (ready.train.per_epoch, ready.val.per_epoch) == (2, 1)


class Pair(NamedTuple):
    x: Tensor
    y: Tensor


@pytest.mark.parametrize(
    ("split", "first"),
    [
        (ids(5), [0, 1]),
        ((ids(5), ids(5) + 10), ([0, 1], [10, 11])),
        ({"x": ids(5), "y": ids(5) + 10}, {"x": [0, 1], "y": [10, 11]}),
        ({"in": (ids(5), {"mask": ids(5) * 0})}, {"in": ([0, 1], {"mask": [0, 0]})}),
        (Pair(ids(5), ids(5) + 10), Pair([0, 1], [10, 11])),
    ],
    ids=["tensor", "tuple", "dict", "nested", "named tuple"],
)
def test_tensors_may_be_nested_as_the_task_likes(split: Any, first: Any) -> None:
    split = batches(split, 2)
    batch = next(split.in_order())
    assert map_tensors(lambda tensor: tensor.tolist(), batch) == first
    assert type(batch) is type(first) or isinstance(batch, Tensor)
    assert split.per_epoch == 3


def test_a_dataset_is_collated_as_a_dataloader_does_it() -> None:
    split = batches(Squares(5), 2)
    expected = list(DataLoader(Squares(5), batch_size=2))
    for ours, torchs in zip(split.in_order(), expected, strict=True):
        assert ours.keys() == torchs.keys()
        assert all(torch.equal(ours[key], torchs[key]) for key in ("x", "square"))
        assert ours["name"] == torchs["name"]


def test_batch_size_is_64_unless_the_task_says() -> None:
    assert batches_of(ids(100), Regression.__new__(Regression), CPU).per_epoch == -(-100 // Regression.batch_size)
    assert batches_of(ids(100), object(), CPU).per_epoch == 2  # type: ignore[arg-type]


# --- iterables of ready batches


READY = [ids(3), ids(3) + 3, ids(2) + 6]


def test_a_dataloader_keeps_its_own_order_and_size() -> None:
    loader = DataLoader(TensorDataset(ids(10)), batch_size=4)
    split = batches(loader)
    assert split.per_epoch == 3
    for epoch in range(2):
        assert [batch[0].tolist() for batch in split.shuffled(0, epoch)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


@pytest.mark.parametrize("own", [False, True], ids=["global", "own generator"])
def test_a_dataloader_that_shuffles_gives_every_trial_the_order_of_its_seed(own: bool) -> None:
    class Loaded(Regression):
        def data(self) -> Any:
            train_split, val = super().data()
            generator = torch.Generator().manual_seed(1) if own else None
            loader = DataLoader(TensorDataset(*train_split), batch_size=8, shuffle=True, generator=generator)
            return loader, val

    ready = prepared(Loaded())
    first = hear(train(ready, a_job(seed=1)))
    hear(train(ready, a_job(seed=2)))
    torch.rand(3)
    assert hear(train(ready, a_job(seed=1))).said == first.said
    assert hear(train(ready, a_job(seed=2))).steps != first.steps


def test_a_list_of_batches_and_a_dataset_that_only_iterates_are_read_anew_each_epoch() -> None:
    split = batches(READY)
    for epoch in range(3):
        assert [batch.tolist() for batch in split.shuffled(7, epoch)] == [[0, 1, 2], [3, 4, 5], [6, 7]]
    split = batches(DataLoader(Countdown(), batch_size=4), steps_per_epoch=3)
    assert [[len(batch) for batch in split.shuffled(0, epoch)] for epoch in range(2)] == [[4, 4, 2]] * 2


def test_steps_per_epoch_may_cut_an_epoch_short() -> None:
    split = batches(READY, steps_per_epoch=2)
    assert split.per_epoch == 2
    assert [len(list(split.shuffled(0, epoch))) for epoch in range(2)] == [2, 2]
    assert len(list(split.in_order())) == 3


def test_a_training_generator_can_be_read_only_once_and_that_is_said() -> None:
    split = batches((batch for batch in READY), steps_per_epoch=3)
    assert len(list(split.shuffled(0, 0))) == 3
    with pytest.raises(TaskError, match=r"the data gave no batches; a generator can be read only once: give an itera"):
        list(split.shuffled(0, 1))
    split = batches((batch for batch in READY), steps_per_epoch=2)
    list(split.shuffled(0, 0))
    with pytest.raises(TaskError, match=r"gave 1 batches in epoch 2, but an epoch has 2; a generator can be read only"):
        list(split.shuffled(0, 1))


def test_a_validation_generator_can_be_read_only_once_and_that_is_said() -> None:
    class Generated(Regression):
        steps_per_epoch = 3

        def data(self) -> Any:
            train_split, val = super().data()
            return train_split, (batch for batch in [val])

    ended = hear(train(prepared(Generated()), a_job())).ended
    assert ended is not None
    assert ended.outcome is Outcome.FAILED
    assert "the data gave no batches; a generator can be read only once" in (ended.error or "")


# --- what cannot be batched


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ((ids(5), ids(4)), r"need the same first axis, at least 1 long; got shapes \(5,\), \(4,\)"),
        (
            {"x": torch.zeros(3, 2), "y": ids(0)},
            r"need the same first axis, at least 1 long; got shapes \(3, 2\), \(0,\)",
        ),
        ((ids(0), ids(0)), r"at least 1 long; got shapes \(0,\), \(0,\)"),
        ((ids(5), torch.tensor(1.0)), r"got shapes \(5,\), \(\)"),
        (torch.tensor(1.0), r"got shapes \(\)"),
        (Squares(0), r"data\(\) gave a Dataset without examples"),
        ([], "an iterable of batches needs a length of at least 1, got 0"),
        ((batch for batch in READY), "needs a length of at least 1, got None; give it __len__ or set steps_per_epoch"),
        (Countdown(), "needs a length of at least 1, got None"),
        (5, r"data\(\) gave a int as a split; give tensors in a tuple or dict, a Dataset, or an iterable of batches; "),
        (DataLoader(Countdown()), "needs a length of at least 1, got None; give it __len__ or set steps_per_epoch"),
        (torch.zeros(3, 2).numpy() is None, r"data\(\) gave a bool as a split"),
        ((torch.zeros(3, 2).numpy(), torch.zeros(3).numpy()), r"gave a tuple of ndarray as a split; .*torch.as_tensor"),
        ({"x": [1.0, 2.0]}, r"data\(\) gave a dict as a split; give tensors"),
        ((), r"data\(\) gave a tuple as a split"),
    ],
)
def test_what_cannot_be_batched_is_refused_with_what_can(split: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        batches(split)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True, "8", None])
def test_a_batch_size_must_be_a_whole_number_from_1(batch_size: Any) -> None:
    with pytest.raises(TaskError, match=rf"the task's batch_size is {batch_size!r}; give a whole number from 1"):
        batches(ids(5), batch_size)


@pytest.mark.parametrize("steps", [0, -1, 2.5, "3"])
def test_steps_per_epoch_must_be_a_whole_number_from_1(steps: Any) -> None:
    with pytest.raises(TaskError, match=rf"needs a length of at least 1, got {steps!r}"):
        batches(READY, steps_per_epoch=steps)


# --- structures


def test_what_is_no_tensor_in_a_structure_stays_as_it_is() -> None:
    batch = {"x": ids(3), "names": ["a", "b"], "pair": Pair(ids(2), None), "none": None}  # type: ignore[arg-type]
    doubled = map_tensors(lambda tensor: tensor * 2, batch)
    assert doubled["x"].tolist() == [0, 2, 4]
    assert (doubled["names"], doubled["none"], doubled["pair"].y) == (["a", "b"], None, None)
    assert isinstance(doubled["pair"], Pair)
    assert [tensor.tolist() for tensor in tensors_in(doubled)] == [[0, 2, 4], [0, 2]]


@pytest.mark.parametrize(
    ("batch", "count"),
    [(ids(3), 3), ((ids(4), ids(4)), 4), ({"x": torch.zeros(5, 2)}, 5), (torch.tensor(1.0), 1), ("text", 1), ([], 1)],
)
def test_the_examples_of_a_batch_are_its_first_axis(batch: Any, count: int) -> None:
    assert example_count(batch) == count
