"""What `run` and `retry` share: conducts one sweep in the foreground, shows it, and says what came out."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from service.archive import Archive
from service.cli.output import notes, output_kept_clear, print_json, results
from service.cli.progress import progress
from service.cli.rangetables import print_range_tests
from service.cli.tables import PicksTable
from service.home import Home
from service.launch import Launched, launch
from service.opened import closed_later
from service.place import Place
from service.records import TrialRecord
from service.store import Store
from service.tracking.client import check_reachable
from service.tracking.links import run_url, view_url, without_password
from service.views import sweep_document
from sweeps.lint import lint, refuse_errors
from sweeps.records import Ending
from sweeps.spec import SweepSpec


def open_home(store: str | None, tracking_uri: str | None) -> tuple[Home, Store]:
    """The home that a command works in, and its store."""
    home = Home.find(store=store, tracking_uri=tracking_uri)
    return home, closed_later(Store.open(home.store_url))


def conduct(
    home: Home,
    store: Store,
    spec: SweepSpec,
    sweep_id: Callable[[], str],
    *,
    place: Place,
    json: bool,
    retry_failed: bool = False,
    earlier: Sequence[TrialRecord] = (),
) -> int:
    """Runs a sweep to its end, or to where it is interrupted; returns the exit code.

    Says first what the linter warns of. `earlier` are the trials that the sweep has already. With `json` what the task
    prints goes to standard error. Raises SpecError for what the linter calls an error.
    """
    findings = lint(spec)
    refuse_errors(findings)
    check_reachable(home)
    with output_kept_clear() if json else nullcontext(), progress(spec) as watcher:
        watcher.earlier(earlier)
        for finding in findings:
            watcher.say(f"warning: {finding}")
        launched = launch(
            home,
            store,
            spec,
            place=place,
            sweep_id=sweep_id,
            watcher=watcher,
            say=watcher.say,
            retry_failed=retry_failed,
        )
    print_results(store, launched.sweep_id, spec, json=json)
    return _say_how_to_go_on(home, store, launched)


def print_results(archive: Archive, sweep_id: str, spec: SweepSpec, *, json: bool) -> None:
    """Prints what a sweep found out: its document, its picks, or what its range tests say where there are no trials."""
    if json:
        print_json(sweep_document(archive, sweep_id))
    elif picks := archive.picks(sweep_id):
        results().print(PicksTable(picks, spec.objective))
    elif not spec.trials:
        print_range_tests(archive.range_tests(sweep_id), spec.range_test.group if spec.range_test else None)


def _say_how_to_go_on(home: Home, store: Store, launched: Launched) -> int:
    say = notes()
    record = store.sweep(launched.sweep_id)
    ended = f": {record.trials} of {record.total_trials} trials ended" if record.total_trials else ""
    say.print(f"sweep {record.id} is {record.status.value}{ended}")
    say.print(f"store: {without_password(home.store_url)}")
    found_nothing = launched.ending is Ending.DONE and record.total_trials and not store.picks(record.id)
    if found_nothing:
        say.print(f"no initial LR to recommend: {_outcomes(store, record.id)}; see `lrsweep show {record.id}`")
    if record.mlflow:
        say.print(f"MLflow: run `lrsweep ui {record.id}`, then open")
        say.print(f"  charts and table:    {view_url(record.mlflow, record.id)}", soft_wrap=True)
        say.print(f"  answer and pictures: {run_url(record.mlflow)}", soft_wrap=True)
    if launched.ending is Ending.INTERRUPTED:
        say.print(f"go on with: lrsweep run --resume {record.id}")
        return 130
    if launched.mlflow_trouble:
        say.print(f"MLflow lacks part of it ({launched.mlflow_trouble}); the store has all of it:")
        say.print(f"  lrsweep db sync {record.id}")
    return 0 if launched.ending is Ending.DONE and not launched.mlflow_trouble and not found_nothing else 1


def _outcomes(store: Store, sweep_id: str) -> str:
    """How trials ended: '2 DIVERGED, 1 FAILED'."""
    ended = Counter(trial.outcome.value for trial in store.trials(sweep_id) if trial.outcome)
    return ", ".join(f"{count} {outcome}" for outcome, count in ended.most_common()) or "no trial ended"
