"""What the kills cost: trials lost, doubled or changed, and runs that MLflow still shows as RUNNING."""

from collections import Counter
from dataclasses import dataclass

from benchmarks.chaos.world import World
from service.records import Status
from service.store import Store
from service.tracking.client import open_client


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Counts over all sweeps; all but the first two are to be 0."""

    sweeps: int
    finished: int
    lost: int
    duplicated: int
    changed: int
    orphans: int
    troubles: tuple[str, ...]

    @property
    def unharmed(self) -> bool:
        """True if every sweep is as if nothing had died."""
        return self.finished == self.sweeps and not (self.lost or self.duplicated or self.changed or self.orphans)

    def __str__(self) -> str:
        return (
            f"sweeps finished: {self.finished} of {self.sweeps}, trials lost: {self.lost}, duplicated: "
            f"{self.duplicated}, with other losses: {self.changed}, runs left RUNNING: {self.orphans}"
        )


def curves(store: Store, sweep_id: str) -> dict[int, str]:
    """Everything that training left, by trial; as text, in which a NaN equals itself."""
    return {
        trial.proposal.number: repr(
            (trial.proposal, trial.outcome, trial.value, trial.epochs, store.curve(sweep_id, trial.proposal.number))
        )
        for trial in store.trials(sweep_id)
    }


def judge(world: World, ids: list[str], undisturbed: dict[int, str]) -> Verdict:
    """Compares each sweep with the undisturbed one, and with its runs in MLflow."""
    client = open_client(world.home)
    experiments = [each.experiment_id for each in client.search_experiments()]
    lost = duplicated = changed = orphans = finished = 0
    troubles: list[str] = []
    for sweep_id in ids:
        sweep, found = world.store.sweep(sweep_id), curves(world.store, sweep_id)
        finished += sweep.status is Status.DONE
        if sweep.status is not Status.DONE:
            troubles.append(f"{sweep_id} is {sweep.status}: {sweep.error}")
        lost += len(undisturbed.keys() - found.keys())
        duplicated += len(found.keys() - undisturbed.keys())
        other = [number for number in undisturbed.keys() & found.keys() if found[number] != undisturbed[number]]
        changed += len(other)
        troubles += [f"{sweep_id} trial {n}: {found[n][:600]} not {undisturbed[n][:600]}" for n in other]
        runs = client.search_runs(experiments, f"tags.`lrsweep.sweep` = '{sweep_id}'", max_results=1000)
        kinds = Counter(
            (r.data.tags.get("lrsweep.kind"), r.data.tags.get("lrsweep.trial"), r.data.tags.get("lrsweep.range_test"))
            for r in runs
        )
        duplicated += sum(count - 1 for count in kinds.values())
        lost += sum(("trial", str(number), None) not in kinds for number in undisturbed)
        left = [r for r in runs if r.info.status not in ("FINISHED", "FAILED", "KILLED")]
        orphans += len(left)
        troubles += [f"{sweep_id}: run {r.info.run_name} is {r.info.status}" for r in left]
        troubles += [f"{sweep_id}: {count} runs of {kind}" for kind, count in kinds.items() if count > 1]
    return Verdict(
        sweeps=len(ids),
        finished=finished,
        lost=lost,
        duplicated=duplicated,
        changed=changed,
        orphans=orphans,
        troubles=tuple(troubles),
    )
