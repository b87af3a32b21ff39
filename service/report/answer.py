"""The answer that a report begins with: which LR to start with, how far it may be off, and for what it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.pickwords import beside, luck_words
from service.report.material import Material
from service.tracking.naming import budget_text, short_text, value_text
from sweeps.paramnames import bare_names
from sweeps.passport import Passport, Prediction
from sweeps.picknotes import luck_notes
from sweeps.records import Pick, RangeTest
from sweeps.snippet import torch_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`lr` is the number, empty where there is none yet; `sentences` qualify it; `lines` are to paste into a script."""

    head: str
    lr: str = ""
    sentences: Sequence[str] = ()
    passport: Sequence[tuple[str, str]] = ()
    predictions: Sequence[Prediction] = ()
    lines: str = ""


def answer(material: Material) -> Answer:
    """The best pick; without trials the first trusted range test; else that there is none."""
    if material.picks:
        return _of_pick(material.picks[0], material)
    trusted = [test for test in material.tests if test.trusted]
    if trusted and not material.spec.trials:
        return _of_range_test(trusted[0], material)
    yet = "" if material.sweep.status.ended else " yet"
    return Answer(head=f"No initial LR to recommend{yet}", sentences=[f"The sweep is {material.sweep.status.value}."])


def _of_pick(pick: Pick, material: Material) -> Answer:
    objective = material.spec.objective
    passport = material.passports.of_pick(pick)
    seeds = f", the mean of {len(pick.trials)} seeds" if len(pick.trials) > 1 else ""
    value = f"{objective.metric} {pick.value:.4g}{seeds}, the best of {pick.tried} trials of this pair."
    as_good = f"LRs from {pick.low:.2g} to {pick.high:.2g} did as well within 5 %."
    evidence = [beside(pick)] if beside(pick) else []
    # A lucky pick's own notes say it, and what to expect.
    if pick.luck is not None and not any(luck_notes(pick.luck)):
        evidence.append(f"It would win again in {luck_words(pick)}.")
    return Answer(
        head=f"Start {pick.optimizer} with {pick.scheduler} at",
        lr=f"{pick.initial_lr:.3g}",
        sentences=[
            value,
            as_good if pick.low < pick.high else "No other LR came within 5 % of it.",
            *evidence,
            *pick.notes,
        ],
        passport=_rows(passport),
        predictions=passport.carried_over,
        lines=torch_lines(pick, objective, [each.group for each in material.spec.groups]),
    )


def _of_range_test(test: RangeTest, material: Material) -> Answer:
    passport = material.passports.of_range_test(test)
    of_group = f", group {passport.group}," if passport.group else ""
    may_be = f"It may lie anywhere from {test.interval[0]:.2g} to {test.interval[1]:.2g}." if test.interval else ""
    return Answer(
        head=f"Start {test.optimizer}{of_group} at",
        lr=f"{test.initial_lr:.3g}",
        sentences=[may_be] if may_be else [],
        passport=_rows(passport),
        predictions=passport.carried_over,
    )


def _rows(passport: Passport) -> list[tuple[str, str]]:
    """What the LR holds for, name by name."""
    params = {**passport.optimizer_params, **passport.scheduler_params}
    code = passport.code
    rows = {
        "initial LR": value_text(passport.initial_lr),
        "optimizer": passport.optimizer,
        "scheduler": passport.scheduler,
        "with": ", ".join(f"{name} {short_text(value)}" for name, value in params.items()),
        "groups": ", ".join(f"{name} at {ratio:g} times" for name, ratio in passport.group_ratios.items()),
        "batch size": "" if passport.batch_size is None else str(passport.batch_size),
        "budget": budget_text(passport.budget),
        "objective": f"{passport.objective.direction} the {passport.objective.value} {passport.objective.metric}",
        "seeds": ", ".join(map(str, passport.seeds)),
        "evidence": passport.evidence,
        "task": code.task if code.sha256 is None else f"{code.task} ({code.sha256[:12]})",
        "versions": ", ".join(
            f"{name} {version}" for name, version in (("lrsweep", code.lrsweep), ("torch", code.torch)) if version
        ),
    }
    return [(name, text) for name, text in rows.items() if text]


def pick_params(pick: Pick) -> str:
    """The hyperparameters of a pick beside its LR, in few words."""
    params = bare_names(pick.params, pick.optimizer, pick.scheduler)
    return ", ".join(f"{name} {short_text(value)}" for name, value in params.items())
