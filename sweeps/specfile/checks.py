"""What must hold between the sections of a spec: one function per rule, run on whatever sections could be read."""

from collections.abc import Callable

from sweeps.catalogue import optimizer_row
from sweeps.domains import Domain, Fixed, Range, contains, values_of
from sweeps.errors import unknown
from sweeps.groups import REST
from sweeps.specfile import timing
from sweeps.specfile.domain import in_words
from sweeps.specfile.draft import Draft
from sweeps.specfile.entry import Entry
from sweeps.startingpoints import FOLK_LRS


def _lr_has_a_source(draft: Draft) -> None:
    if draft.has_range_test or draft.samples_by("grid"):
        return
    for entry in draft.optimizers.entries:
        if "lr" not in entry.given:
            entry.at("lr").refuse(
                "missing, and range_test is off: give lr, such as [0.01, 0.001, 0.0001] or {low: 1e-4, high: 1}, "
                "or turn range_test on"
            )


def _nesterov_has_momentum(draft: Draft) -> None:
    entry = draft.optimizers.find("SGD")
    nesterov = _domain(entry, "nesterov") if entry is not None else None
    if entry is None or nesterov is None or not contains(nesterov, True):
        return
    place = entry.at("nesterov")
    if words := _zero_momentum(entry):
        place.refuse(
            f"nesterov needs momentum above 0, and momentum may be 0 (it is {words}): "
            "give momentum, such as [0.8, 0.9] or {low: 0.5, high: 0.99}, or drop nesterov"
        )
    dampening = _domain(entry, "dampening")
    if dampening is not None and not _is_zero(dampening):
        place.refuse(
            f"nesterov needs dampening 0, and dampening is {in_words(dampening)}: drop dampening, or drop nesterov"
        )


def _zero_momentum(entry: Entry) -> str:
    """The domain, in words, by which SGD's momentum may be 0; empty if it may not."""
    if "one_minus_momentum" in entry.given:
        rest = entry.domains.get("one_minus_momentum")
        return f"1 minus {in_words(rest)}" if rest is not None and contains(rest, 1.0) else ""
    momentum = _domain(entry, "momentum")
    if momentum is None or not contains(momentum, 0.0):
        return ""
    return in_words(momentum) + ("" if "momentum" in entry.given else " by default")


def _is_zero(domain: Domain) -> bool:
    return not isinstance(domain, Range) and all(value == 0 for value in values_of(domain))


def _domain(entry: Entry, key: str) -> Domain | None:
    """The domain of an optimizer's hyperparameter: given, else the row's, else torch's default; None if unreadable."""
    if key in entry.given:
        return entry.domains.get(key)
    default = optimizer_row(entry.name).params[key].default
    return entry.unasked.get(key) or (Fixed(value=default) if default is not None else None)


def _grid_is_finite(draft: Draft) -> None:
    if not draft.samples_by("grid"):
        return
    mend = "give a list, such as [0.01, 0.001, 0.0001], or one value"
    for entry in draft.entries:
        for key, domain in entry.domains.items():
            if isinstance(domain, Range):
                entry.at(key).refuse(f"the grid sampler cannot list a range; {mend}, or choose another sampler")
    for entry in draft.optimizers.entries:
        if "lr" not in entry.given:
            entry.at("lr").refuse(f"missing: the grid sampler needs its LRs; {mend}, or choose another sampler")


def _cma_es_has_one_space(draft: Draft) -> None:
    if not draft.samples_by("cma-es"):
        return
    place = draft.root.at("sampler")
    for kind, menu in (("optimizer", draft.optimizers), ("scheduler", draft.schedulers)):
        if menu.count > 1:
            place.refuse(f"cma-es needs exactly one {kind}, got {menu.count}; keep one, or choose tpe")
    if draft.optimizers.whole and draft.schedulers.whole:
        ranges = sum(isinstance(domain, Range) for entry in draft.entries for domain in entry.searched.values())
        # An LR that is left to the range test is one.
        ranges += sum("lr" not in entry.given for entry in draft.optimizers.entries)
        if ranges < 2:
            place.refuse(
                f"cma-es needs at least two ranges {{low: ..., high: ...}} to search, got {ranges}; "
                "give more, or choose tpe"
            )


def _window_feeds_workers(draft: Draft) -> None:
    if draft.sampler is None or draft.sampler.window is None or draft.workers is None:
        return
    if draft.sampler.window < draft.workers.count:
        draft.root.at("sampler").at("window").refuse(
            f"{draft.sampler.window} would leave workers idle: must be at least workers.count, {draft.workers.count}"
        )


def _first_rung_is_inside(draft: Draft) -> None:
    place = draft.root.at("pruner").at("first_rung")
    if draft.pruner is None or draft.pruner.name == "none" or draft.epochs is None or place.value is None:
        return
    if draft.pruner.first_rung >= draft.epochs:
        place.refuse(
            f"must be below the budget of {draft.epochs} epochs, or nothing is ever pruned, "
            f"got {draft.pruner.first_rung}; lower it, raise budget.epochs, or write pruner: none"
        )


def _something_is_run(draft: Draft) -> None:
    if draft.trials != 0:
        return
    place = draft.root.at("trials")
    if not draft.has_range_test:
        place.refuse("0 leaves nothing but range tests, and range_test is off: turn it on, or give trials")
    elif (
        draft.root.at("range_test").at("group").value is None
        and draft.optimizers.whole
        and not any(_is_tested(entry) for entry in draft.optimizers.entries)
    ):
        place.refuse(
            "0 leaves nothing but range tests, and all LRs are listed: leave lr out or give {low: ..., high: ...}, "
            "or give trials"
        )


def _is_tested(entry: Entry) -> bool:
    return "lr" not in entry.given or isinstance(entry.domains.get("lr"), Range)


def _tested_group_is_there(draft: Draft) -> None:
    place = draft.root.at("range_test").at("group")
    if place.value is None:
        return
    groups = {each.group.name: each.group for each in draft.groups}
    if place.value not in (REST, *groups):
        place.refuse(unknown("group", str(place.value), [REST, *groups]))
    elif (group := groups.get(str(place.value))) is not None and group.from_epoch > 0:
        place.refuse(
            f"{group.name} is frozen until epoch {group.from_epoch}, and a range test ends before: test a group that "
            "trains from epoch 0"
        )


def _trials_fit(draft: Draft) -> None:
    place = draft.root.at("trials")
    if place.value is None and draft.sampler is not None and not draft.samples_by("grid"):
        place.refuse("missing: how many configurations to try, such as trials: 24")
    if draft.trials is None:
        return
    if draft.grid_size is not None and draft.trials > draft.grid_size:
        place.refuse(
            f"must be at most the grid's {draft.grid_size} points, got {draft.trials}; drop it for all of them"
        )
    if len(draft.starts) > draft.trials:
        place.refuse(f"must have room for all {len(draft.starts)} starts, got {draft.trials}")


def _folk_grid_fits(draft: Draft) -> None:
    if not draft.folk_grid:
        return
    place = draft.root.at("folk_grid")
    if draft.samples_by("grid"):
        place.refuse("the grid sampler tries its own points only: list 0.01, 0.001 and 0.0001 as lr, or drop folk_grid")
    elif draft.trials is not None and draft.optimizers.whole and draft.schedulers.whole:
        pairs = draft.optimizers.count * draft.schedulers.count
        taken, needed = len(FOLK_LRS) * pairs, len(FOLK_LRS) * pairs + pairs + len(draft.starts)
        if draft.trials < needed:
            place.refuse(
                f"takes {taken} trials, {len(FOLK_LRS)} for each optimizer and scheduler, and trials are "
                f"{draft.trials}: give at least {needed}, or drop folk_grid"
            )


RULES: tuple[Callable[[Draft], None], ...] = (
    _lr_has_a_source,
    _nesterov_has_momentum,
    *timing.RULES,
    _grid_is_finite,
    _cma_es_has_one_space,
    _window_feeds_workers,
    _first_rung_is_inside,
    _something_is_run,
    _tested_group_is_there,
    _trials_fit,
    _folk_grid_fits,
)
