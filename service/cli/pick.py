"""Reading the answer off a sweep that was run: `lrsweep pick`, with no more training."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.options import Json, ServerUrl, StoreUrl, SweepRef
from service.cli.output import print_json, results
from service.opened import open_archive

if TYPE_CHECKING:
    from service.archive import Archive
    from service.records import SweepRecord
    from sweeps.records import RangeTest

_ALL = "all"


def pick(
    sweep: SweepRef = "last",
    optimizer: Annotated[str | None, typer.Option(help="Only this optimizer.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Only this scheduler.")] = None,
    format: Annotated[
        Literal["table", "torch"], typer.Option(help="`torch`: the lines of the best pick, to paste into a script.")
    ] = "table",
    rule: Annotated[
        str | None,
        typer.Option(metavar="RULE", help="What this rule reads off the range tests: valley, steep, ...; or all."),
    ] = None,
    store: StoreUrl = None,
    server: ServerUrl = None,
    json: Json = False,
) -> None:
    """Print the best initial LR per optimizer and scheduler, with its evidence.

    With `--rule`, what that rule reads off the curves of the range tests: any rule, at any time, without training.
    """
    from service.cli.tables import PicksTable
    from service.passports import Passports
    from service.views import pick_document
    from sweeps.errors import UserError
    from sweeps.snippet import torch_lines
    from sweeps.specfile import known_spec

    opened = open_archive(store, server)
    sweep_id = opened.resolve(sweep)
    if rule is not None:
        if scheduler is not None or format != "table":
            given = f"--scheduler {scheduler}" if scheduler is not None else f"--format {format}"
            raise UserError(f"--rule reads range tests, which {given} does not go with: leave one of the two out")
        _by_rule(opened, sweep_id, rule, optimizer, json)
        return
    record = opened.sweep(sweep_id)
    if not record.total_trials and scheduler is None and format == "table":
        _of_range_tests(opened, sweep_id, optimizer, json)
        return
    found = [
        pick
        for pick in opened.picks(sweep_id)
        if optimizer in (None, pick.optimizer) and scheduler in (None, pick.scheduler)
    ]
    if json:
        passports = Passports.of(record) if found else None
        print_json([pick_document(pick, passports) for pick in found] if passports else [])
        return
    if not found:
        raise UserError(_no_pick(opened, record, optimizer, scheduler))
    spec = known_spec(record.spec)
    if format == "torch":
        print(torch_lines(found[0], spec.objective, [each.group for each in spec.groups]))
    else:
        results().print(PicksTable(found, spec.objective))


def _no_pick(archive: "Archive", record: "SweepRecord", optimizer: str | None, scheduler: str | None) -> str:
    """Why there is no such pick, and what to do."""
    from service.records import Status
    from sweeps.errors import unknown

    picks = archive.picks(record.id)
    for flag, name, known in (
        ("optimizer", optimizer, [pick.optimizer for pick in picks]),
        ("scheduler", scheduler, [pick.scheduler for pick in picks]),
    ):
        if known and name is not None and name not in known:
            return f"--{flag}: {unknown(flag, name, dict.fromkeys(known))}"
    said = f"sweep {record.id} ({record.status.value}) has no such pick: see its trials with `lrsweep show {record.id}`"
    if not record.total_trials:
        return f"sweep {record.id} has range tests alone: see what they say with `lrsweep pick {record.id}`"
    if record.status is Status.DONE:
        return said
    return f"{said}, or let it go on with `lrsweep run --resume {record.id}`"


def _of_range_tests(archive: "Archive", sweep_id: str, optimizer: str | None, json: bool) -> None:
    """What range tests alone recommend: there are no trials to pick from."""
    from service.cli.rangetables import answer
    from service.views import range_test_documents
    from sweeps.specfile import known_spec

    tests = _tests(archive, sweep_id, optimizer)
    if json:
        print_json(range_test_documents(archive, sweep_id, tests))
        return
    range_test = known_spec(archive.sweep(sweep_id).spec).range_test
    for test in tests:
        print(answer(test, range_test.group if range_test else None))


def _by_rule(archive: "Archive", sweep_id: str, rule: str, optimizer: str | None, json: bool) -> None:
    from service.cli.rangetables import print_rules
    from service.passports import Passports
    from service.rangeviews import rule_document
    from sweeps.errors import UserError, unknown
    from sweeps.rules import RULES, apply_rule

    if rule != _ALL and rule not in RULES:
        raise UserError(f"--rule: {unknown('rule', rule, [*RULES, _ALL])}")
    tests = _tests(archive, sweep_id, optimizer)
    rules = list(RULES) if rule == _ALL else [rule]
    readings = {test.optimizer: {name: apply_rule(test, name) for name in rules} for test in tests}
    if not json:
        print_rules(readings)
        return
    passports = Passports.of(archive.sweep(sweep_id))
    print_json([rule_document(test, readings[test.optimizer][name], passports) for test in tests for name in rules])


def _tests(archive: "Archive", sweep_id: str, optimizer: str | None) -> "list[RangeTest]":
    from sweeps.errors import UserError, unknown

    tests = archive.range_tests(sweep_id)
    if not tests:
        raise UserError(
            f"sweep {sweep_id} has no range tests for a rule to read: start some with `lrsweep range-test --task TASK "
            "--optimizer OPTIMIZER`"
        )
    names = [test.optimizer for test in tests]
    if optimizer is not None and optimizer not in names:
        raise UserError(f"--optimizer: {unknown('range test', optimizer, names)}")
    return [test for test in tests if optimizer in (None, test.optimizer)]
