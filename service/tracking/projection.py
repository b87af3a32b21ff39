"""Brings MLflow up to date with the store: the one way in which anything gets there, live or afterwards."""

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import takewhile

from service.home import Home
from service.passports import Passports
from service.records import MlflowPlace, ReportRecord, SweepRecord, TrialRecord
from service.store import Store
from service.tracking.client import artifact_root, open_client
from service.tracking.context import Context
from service.tracking.links import without_password
from service.tracking.parent import ParentRun, open_parent
from service.tracking.range_tests import show_range_test
from service.tracking.runs import Runs, open_experiment
from service.tracking.trials import TrialRun
from service.tracking.writer import Writer
from sweeps.records import RangeTest
from sweeps.specfile import known_spec

_PAGE = 5000


class Projector:
    """Shows one sweep in MLflow, reading from the store what is new since it last looked.

    After a failure nobody knows what arrived. So it then starts over from what MLflow itself says is there; to
    send a point twice does no harm, and runs that are complete are left alone. A new Projector begins the same
    way: that is all there is to a re-sync. One sweep has one Projector at a time.
    """

    def __init__(self, store: Store, sweep_id: str, home: Home):
        self._store, self._sweep_id, self._home = store, sweep_id, home
        self._view: _View | None = None
        self._written = 0

    @property
    def written(self) -> int:
        """How many calls MLflow has answered: it grows as long as there is progress."""
        view = self._view
        return self._written + (view.written if view else 0)

    def sync(self) -> bool:
        """Logs what is new; True if there was anything. Raises whatever MLflow or the store raises."""
        return self._attempt(lambda view: view.sync())

    def finish(self) -> bool:
        """Logs everything: also the picks, the plots and how the sweep ended. To be called when the store knows that.

        A sweep that goes on later may be finished again.
        """
        return self._attempt(lambda view: view.finish())

    def _attempt(self, step: Callable[["_View"], None]) -> bool:
        before = self.written
        try:
            if self._view is None:
                self._view = _View(self._store, self._sweep_id, self._home)
            step(self._view)
        except BaseException:
            self._written, self._view = self.written, None
            raise
        return self.written > before


class _View:
    """What MLflow shows of a sweep, as far as this process has brought it."""

    def __init__(self, store: Store, sweep_id: str, home: Home):
        self._store, self._id = store, sweep_id
        sweep = store.sweep(sweep_id)
        spec = known_spec(sweep.spec)
        client = open_client(home)
        runs = Runs(client, open_experiment(client, sweep.task, artifact_root(home)), sweep_id)
        self.writer = Writer(client)
        run = open_parent(runs, sweep)
        place = MlflowPlace(
            tracking_uri=without_password(home.tracking_uri),
            experiment_id=runs.experiment_id,
            run_id=run.id,
        )
        if place != sweep.mlflow:
            store.set_mlflow_place(sweep_id, place)
        self._context = Context(spec=spec, writer=self.writer, runs=runs, parent=run.id)
        self._parent = ParentRun(self._context, run, sweep)
        self._tests: set[str] = set()
        self._trials: dict[int, TrialRun] = {}
        self._cursor = 0

    @property
    def written(self) -> int:
        return self.writer.written + self._context.runs.made

    def sync(self) -> None:
        sweep, trials, tests = self._follow()
        self.writer.flush()
        picks, history = partial(self._store.picks, self._id), partial(self._store.history, self._id)
        self._parent.draw_ahead(sweep, trials, tests, picks, history)

    def finish(self) -> None:
        _, trials, tests = self._follow()
        self._parent.conclude(
            self._store.sweep(self._id),
            trials,
            tests,
            self._store.picks(self._id),
            self._store.history(self._id),
        )
        self.writer.flush()

    def _follow(self) -> tuple[SweepRecord, list[TrialRecord], list[RangeTest]]:
        # Trials before reports: of a trial that is seen to have ended, every report is then there to be read.
        sweep, trials = self._store.sweep(self._id), self._store.trials(self._id)
        tests = self._store.range_tests(self._id)
        for test in tests:
            if test.optimizer not in self._tests:
                first = trials[0] if trials else None
                run_id = show_range_test(self._context, sweep, test, first, Passports.of(sweep))
                self._store.set_range_test_run(self._id, test.optimizer, run_id)
                self._tests.add(test.optimizer)
        for trial in trials:
            if trial.proposal.number not in self._trials:
                self._open(trial, sweep)
        while self._read_reports(sweep.steps_per_epoch):
            self.writer.send()
        for trial in trials:
            self._trials[trial.proposal.number].settle(trial, sweep)
        self._parent.follow(sweep, trials, tests, {number: run.id for number, run in self._trials.items()})
        return sweep, trials, tests

    def _open(self, trial: TrialRecord, sweep: SweepRecord) -> None:
        run = TrialRun(self._context, sweep, trial)
        self._trials[trial.proposal.number] = run
        if run.id != trial.mlflow_run_id:
            self._store.set_mlflow_run(self._id, trial.proposal.number, run.id)

    def _read_reports(self, steps_per_epoch: int | None) -> bool:
        """Logs the next page of reports; True if there may be more."""
        page = self._store.reports(self._id, after=self._cursor, limit=_PAGE)
        # A trial that was proposed since the trials were read has its turn at the next sync.
        known = list(takewhile(lambda report: report.number in self._trials, page))
        by_trial: dict[int, list[ReportRecord]] = defaultdict(list)
        for report in known:
            by_trial[report.number].append(report)
        for number, reports in by_trial.items():
            curve = partial(self._store.curve, self._id, number)
            self._trials[number].advance(reports, curve, steps_per_epoch)
        if known:
            self._cursor = known[-1].id
        return len(known) == _PAGE
