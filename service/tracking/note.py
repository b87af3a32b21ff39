"""The notes of runs, in Markdown: the answer first, then the table, then the pictures."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from service.pickwords import beside
from service.records import Status, SweepRecord, TrialRecord
from service.tracking.naming import budget_text, short_text
from service.tracking.view import Ways
from sweeps.finding import Finding
from sweeps.groups import REST
from sweeps.objective import Objective
from sweeps.paramnames import bare_names
from sweeps.passport import Passport
from sweeps.records import Outcome, Pick, RangeTest
from sweeps.spec import SweepSpec

RANGE_TESTS = "Range tests"
"""The caption of the picture that belongs under the table of range tests."""

_LIMIT = 8000
"""Characters of a note: what MLflow takes."""

_WARNINGS = 5
"""Findings of the linter in a note."""

_GAP = "&ensp;"
"""MLflow shows tables without any space between their columns."""


def sweep_note(
    sweep: SweepRecord,
    spec: SweepSpec,
    trials: Sequence[TrialRecord],
    picks: Sequence[Pick],
    tests: Sequence[RangeTest],
    *,
    link: Callable[[int], str],
    ways: Ways,
    pictures: Mapping[str, str],
    passport: Passport | None = None,
) -> str:
    """The parent run's note.

    `link` gives the address of a trial's run, `ways` those to the view of all of them, `pictures` addresses by caption;
    `passport` is that of the best pick.

    What is too long for MLflow loses rows of its table, which picks.csv has in full.
    """
    shown = [_picture(caption, address) for caption, address in pictures.items() if caption != RANGE_TESTS]
    range_tests = [_range_test_table(tests), _picture("", pictures.get(RANGE_TESTS, ""))]
    answer = _range_tests_answer(sweep, spec, tests) if not spec.trials else _answer(sweep, spec, trials, picks)
    holds = _passport(passport) if passport is not None else ""
    head = [answer, holds, _progress(sweep, trials, ways), _warnings(sweep.findings)]
    for rows in (len(picks), 30, 15, 5):
        table = _pick_table(picks[:rows], spec, link, more=len(picks) - rows)
        parts = [*head, table, *shown, *range_tests]
        text = "\n\n".join(filter(None, parts))
        if len(text) <= _LIMIT:
            break
    return text


def _picture(caption: str, address: str) -> str:
    heading = f"### {caption}\n\n" if caption else ""
    return f"{heading}![{caption}]({address})" if address else ""


def _answer(sweep: SweepRecord, spec: SweepSpec, trials: Sequence[TrialRecord], picks: Sequence[Pick]) -> str:
    if picks:
        best = picks[0]
        return f"## Best initial LR: {best.initial_lr:.3g}\n\n{_sentence(best, spec)}"
    valued = [trial for trial in trials if trial.value is not None and trial.outcome is not Outcome.FAILED]
    if sweep.status.ended or not valued:
        return "## No initial LR to recommend" + (" yet" if not sweep.status.ended else "")
    best_so_far = valued[0]
    for trial in valued:
        if spec.objective.better(trial.value or 0.0, best_so_far.value or 0.0):
            best_so_far = trial
    proposal = best_so_far.proposal
    return (
        f"## Best so far: {proposal.initial_lr:.3g}\n\n**{proposal.optimizer}** with **{proposal.scheduler}**, "
        f"{spec.objective.metric} {best_so_far.value:.4g} (trial {proposal.number})"
    )


def _range_tests_answer(sweep: SweepRecord, spec: SweepSpec, tests: Sequence[RangeTest]) -> str:
    """What a sweep without trials found."""
    trusted = [test for test in tests if test.trusted]
    if not trusted:
        return "## No initial LR to recommend" + ("" if sweep.status.ended else " yet")
    starts = ", ".join(f"{test.optimizer} at {test.initial_lr:.3g}" for test in trusted)
    of_group = f"group {spec.range_test.group} with " if spec.range_test and spec.range_test.group else ""
    return f"## Start {of_group}{starts}"


def _sentence(pick: Pick, spec: SweepSpec) -> str:
    params = _params_text(pick)
    return (
        f"**{pick.optimizer}** with **{pick.scheduler}**{f' ({params})' if params else ''}: "
        f"{spec.objective.metric} **{pick.value:.4g}**"
        + (f", the mean of {len(pick.trials)} seeds" if len(pick.trials) > 1 else "")
        + (f". LRs from {_span(pick)} did as well within 5 %." if " to " in _span(pick) else ".")
        + (f" {said}" if (said := beside(pick)) else "")
        + "".join(f"\n\n> {note}" for note in pick.notes)
    )


def _progress(sweep: SweepRecord, trials: Sequence[TrialRecord], ways: Ways) -> str:
    if not sweep.total_trials:
        return f"Range tests alone, {sweep.status.value.lower()}. [Charts]({ways.charts})." + (
            f"\n\n```\n{sweep.error[-1500:]}\n```" if sweep.error else ""
        )
    counts = outcome_counts(trials)
    head = {
        Status.QUEUED: "Waiting to run",
        Status.RUNNING: f"Running: {sweep.trials} of {sweep.total_trials} trials have ended",
        Status.INTERRUPTED: f"Interrupted after {sweep.trials} of {sweep.total_trials} trials; it can be resumed",
        Status.DONE: f"{sweep.trials} trials",
        Status.FAILED: f"**Failed** after {sweep.trials} of {sweep.total_trials} trials",
        Status.CANCELLED: f"Cancelled after {sweep.trials} of {sweep.total_trials} trials",
    }[sweep.status]
    error = f"\n\n```\n{sweep.error[-1500:]}\n```" if sweep.error else ""
    seen = f": {counts}. [Charts]({ways.charts}); [all trials, best first]({ways.table})" if counts else ""
    return f"{head}{seen}.{error}"


def _warnings(findings: Sequence[Finding]) -> str:
    """What the linter found, the first of it."""
    more = len(findings) - _WARNINGS
    rows = [f"- `{each.where}`: {_cell(each.message)[:300]}" for each in findings[:_WARNINGS]]
    return "\n".join([*rows, f"- {more} more, in `lrsweep show`"] if more > 0 else rows)


def outcome_counts(trials: Sequence[TrialRecord]) -> str:
    """How many trials ended how, most frequent first: `20 complete, 3 pruned`."""
    counts = Counter(trial.outcome for trial in trials if trial.outcome is not None)
    return ", ".join(f"{count} {outcome.value.lower()}" for outcome, count in counts.most_common())


def _pick_table(picks: Sequence[Pick], spec: SweepSpec, link: Callable[[int], str], *, more: int) -> str:
    if not picks:
        return ""
    head = ("optimizer", "scheduler", "initial LR", spec.objective.metric, "LRs as good", "with", "trials", "tried", "")
    rows = ["### Best initial LR of each optimizer and scheduler", "", *_head(head)]
    for pick in picks:
        trials = ", ".join(f"[{number}]({link(number)})" for number in pick.trials[:4])
        rows.append(
            _row(
                pick.optimizer,
                pick.scheduler,
                f"**{pick.initial_lr:.3g}**",
                f"{pick.value:.4g}",
                _span(pick),
                _params_text(pick),
                trials,
                str(pick.tried),
                _cell("; ".join(note.partition(":")[0] for note in pick.notes)),
            )
        )
    if more > 0:
        rows.append(f"\n{more} more in picks.csv, among the artifacts.")
    return "\n".join(rows)


def _span(pick: Pick) -> str:
    """The LRs that did as well; only one where none but the picked one did."""
    low, high = f"{pick.low:.2g}", f"{pick.high:.2g}"
    return low if low == high else f"{low} to {high}"


def _range_test_table(tests: Sequence[RangeTest]) -> str:
    if not tests:
        return ""
    rows = [f"### {RANGE_TESTS}", "", *_head(("optimizer", "suggests", "may be", "searched", ""))]
    for test in tests:
        doubt = "" if test.trusted else "not trusted: " + _cell("; ".join(test.reasons))
        may_be = "" if test.interval is None else _lrs(*test.interval)
        rows.append(_row(test.optimizer, f"{test.initial_lr:.2g}", may_be, _lrs(test.low, test.high), doubt))
    return "\n".join(rows)


def _head(names: Sequence[str]) -> tuple[str, str]:
    return _row(*names), "|" + ":---|" * len(names)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell + _GAP for cell in cells) + " |"


def trial_note(trial: TrialRecord, outcome: Outcome, objective: Objective) -> str:
    """A trial's note: how it ended, with what, and the end of its traceback if it failed."""
    value = f"{objective.metric} {trial.value:.4g}" if trial.value is not None else "no value"
    text = f"**{outcome.value}** ({outcome.sentence}): {value} after {_count(trial.epochs, 'epoch')}."
    return f"{text}\n\n```\n{trial.error[-3000:].strip()}\n```" if trial.error else text


def range_test_note(test: RangeTest, passport: Passport, picture: str) -> str:
    """A range test's note: the pick, how sure it is and the bounds, or why not to trust them; then curves, passport."""
    bounds = f"A sweep searches LRs from {_lrs(test.low, test.high)}"
    may_be = "" if test.interval is None else f"It may lie anywhere from {_lrs(*test.interval)}. "
    of_group = "" if passport.group is None else f", group {passport.group},"
    head = f"## Start {test.optimizer}{of_group} at {test.initial_lr:.3g}\n\n{may_be}{bounds}."
    if not test.trusted:
        head = f"## Not trusted: {'; '.join(test.reasons)}\n\n{bounds}."
    return f"{head}\n\n![{test.optimizer}]({picture})\n\n{_passport(passport)}"


def _passport(passport: Passport) -> str:
    return f"**LR passport**: {passport_text(passport)}"


def passport_text(passport: Passport) -> str:
    """What an LR was found with, and what it is predicted to become for another batch size, in two sentences."""
    batch = "an unknown batch size" if passport.batch_size is None else f"batch size {passport.batch_size}"
    code = passport.code.task if passport.code.sha256 is None else f"{passport.code.task} ({passport.code.sha256[:12]})"
    ratios = "".join(
        f", {name} at {ratio:g} times {'it' if passport.group is None else 'that'}"
        for name, ratio in passport.group_ratios.items()
        if name != REST
    )
    doubled = {
        each.rule: next((lr.initial_lr for lr in each.lrs if lr.factor == 2), None) for each in passport.carried_over
    }
    of_group = f" of group {passport.group}, beside an LR of {passport.trial_lr:.3g}," if passport.group else ""
    predicted = ", ".join(f"{lr:.2g} ({rule})" for rule, lr in doubled.items() if lr is not None)
    return (
        f"{passport.initial_lr:.3g}{of_group}{ratios} holds for {_cell(code)}, {batch}, "
        f"{budget_text(passport.budget)}, scheduler {passport.scheduler}, "
        f"seeds {', '.join(map(str, passport.seeds))}. For twice the batch, scaling rules predict {predicted}: "
        "predictions, not measured."
    )


def _lrs(low: float, high: float) -> str:
    return f"{low:.2g} to {high:.2g}"


def _params_text(pick: Pick) -> str:
    params = bare_names(pick.params, pick.optimizer, pick.scheduler)
    return _cell(", ".join(f"{key} {short_text(value)}" for key, value in params.items()))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
