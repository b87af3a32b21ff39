"""What must hold between schedules and the budget: milestones, warm-ups, and groups that join later."""

from collections.abc import Callable, Iterator

from sweeps.domains import Fixed, Range, Value, values_of
from sweeps.nesting import clock_of
from sweeps.specfile.draft import Draft
from sweeps.specfile.entry import Entry
from sweeps.specfile.nested import PARTS
from sweeps.specfile.node import Node


def _milestones_happen(draft: Draft) -> None:
    for entry in draft.schedules:
        unit = "steps" if clock_of(entry.name, _parts(entry)) == "step" else "epochs"
        budget = getattr(draft.budget, unit) if draft.budget is not None else None
        if budget is not None:
            for place, milestones in _milestones(entry):
                _refuse_late(place, milestones, budget, unit)


def _refuse_late(place: Node, milestones: tuple[Value, ...], budget: int, unit: str) -> None:
    late = [str(tick) for tick in milestones if isinstance(tick, int) and tick >= budget]
    if late:
        subject = (
            f"milestone {late[0]} never happens" if len(late) == 1 else f"milestones {', '.join(late)} never happen"
        )
        place.refuse(f"{subject} within {budget} {unit}; keep milestones below {budget}, or raise budget.{unit}")


def _milestones_part_schedulers(draft: Draft) -> None:
    for entry in draft.schedules:
        names = _parts(entry).get(PARTS, ())
        if not isinstance(names, tuple) or not names:
            continue
        for place, milestones in _milestones(entry):
            if len(milestones) != len(names) - 1:
                wanted = f"{len(names) - 1} milestone{'s' if len(names) > 2 else ''}"
                place.refuse(f"{len(names)} schedulers take over from each other at {wanted}, got {len(milestones)}")


def _parts(entry: Entry) -> dict[str, Value]:
    """The arguments of a scheduler that say which parts it has, and theirs."""
    return {
        key: domain.value
        for key, domain in entry.domains.items()
        if key.rpartition(".")[2] == PARTS and isinstance(domain, Fixed)
    }


def _milestones(entry: Entry) -> Iterator[tuple[Node, tuple[Value, ...]]]:
    """Each list of milestones of a scheduler, with its place."""
    domain = entry.domains.get("milestones")
    if domain is None:
        return
    place = entry.at("milestones")
    for index, value in enumerate(values_of(domain)):
        assert isinstance(value, tuple)
        yield place if isinstance(domain, Fixed) else place.at(index), value


def _warm_up_begins(draft: Draft) -> None:
    for entry in draft.schedules:
        if "warmup_factor" in entry.given and "warmup" not in entry.given:
            entry.at("warmup_factor").refuse("is where a warm-up begins, and there is none; give warmup, its epochs")


def _warm_up_ends(draft: Draft) -> None:
    if draft.epochs is None:
        return
    for entry in draft.schedules:
        domain = entry.domains.get("warmup")
        if domain is None:
            continue
        longest = domain.high if isinstance(domain, Range) else max(map(_number, values_of(domain)))
        if longest >= draft.epochs:
            entry.at("warmup").refuse(
                f"a warm-up of {longest:g} epochs leaves nothing of a budget of {draft.epochs}; "
                f"keep it below {draft.epochs}, or raise budget.epochs"
            )


def _number(value: Value) -> float:
    assert isinstance(value, int | float)
    return value


def _groups_join_in_time(draft: Draft) -> None:
    for group in draft.groups:
        if draft.epochs is not None and group.group.from_epoch >= draft.epochs:
            group.entry.node.at("from_epoch").refuse(
                f"epoch {group.group.from_epoch} never begins within {draft.epochs} epochs, counted from 0; "
                f"keep it below {draft.epochs}, or raise budget.epochs"
            )


RULES: tuple[Callable[[Draft], None], ...] = (
    _milestones_happen,
    _milestones_part_schedulers,
    _warm_up_begins,
    _warm_up_ends,
    _groups_join_in_time,
)
