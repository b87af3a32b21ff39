"""Where MLflow shows a sweep, its trials and its range tests."""

from sqlalchemy import CursorResult, Update, select, update

from service.records import MlflowPlace
from service.store.database import Database
from service.store.tables import RangeTestRow, SweepRow, TrialRow


class Places(Database):
    """Remembers MLflow's ids, so that tracking goes on in the same runs after a restart."""

    def set_mlflow_place(self, sweep_id: str, place: MlflowPlace) -> None:
        """Keeps where the parent run of a sweep is."""
        self._change(
            update(SweepRow)
            .where(SweepRow.id == sweep_id)
            .values(
                mlflow_tracking_uri=place.tracking_uri,
                mlflow_experiment_id=place.experiment_id,
                mlflow_run_id=place.run_id,
            ),
            f"sweep {sweep_id}",
        )

    def set_mlflow_run(self, sweep_id: str, number: int, run_id: str) -> None:
        """Keeps which run shows a trial."""
        self._change(
            update(TrialRow)
            .where(TrialRow.sweep_id == sweep_id, TrialRow.number == number)
            .values(mlflow_run_id=run_id),
            f"trial {number} of sweep {sweep_id}",
        )

    def range_test_runs(self, sweep_id: str) -> dict[str, str]:
        """The run of each optimizer's range test, as far as there is one."""
        runs = select(RangeTestRow.optimizer, RangeTestRow.mlflow_run_id).where(RangeTestRow.sweep_id == sweep_id)
        with self.look() as session:
            return {optimizer: run_id for optimizer, run_id in session.execute(runs) if run_id}

    def set_range_test_run(self, sweep_id: str, optimizer: str, run_id: str) -> None:
        """Keeps which run shows an optimizer's range test."""
        self._change(
            update(RangeTestRow)
            .where(RangeTestRow.sweep_id == sweep_id, RangeTestRow.optimizer == optimizer)
            .values(mlflow_run_id=run_id),
            f"the range test of {optimizer} in sweep {sweep_id}",
        )

    def _change(self, statement: Update, what: str) -> None:
        """Runs an update. Raises LookupError if no row is there: recording comes before tracking."""
        with self.write() as session:
            result = session.execute(statement)
            assert isinstance(result, CursorResult)
            if result.rowcount == 0:
                raise LookupError(f"{what} is not in the store")
