"""Following a sweep that runs elsewhere: `lrsweep watch`."""

from typing import TYPE_CHECKING

from service.cli.options import ServerUrl, StoreUrl, SweepRef
from service.cli.output import notes
from service.opened import open_here, open_server

if TYPE_CHECKING:
    from service.records import SweepRecord


def watch(sweep: SweepRef = "last", store: StoreUrl = None, server: ServerUrl = None) -> int:
    """Follow a sweep to its end, wherever it runs. Ctrl-C stops watching, and leaves the sweep running."""
    from service.cli.conduct import print_results
    from service.cli.following import follow
    from service.cli.progress import progress
    from sweeps.specfile import known_spec

    archive = open_server(store, server) or open_here(store)
    sweep_id = archive.resolve(sweep)
    spec = known_spec(archive.sweep(sweep_id).spec)
    notes().print(f"watching sweep {sweep_id}; Ctrl-C leaves it running")
    try:
        with progress(spec) as watcher:
            follow(archive, sweep_id, watcher, spec.objective.metric)
    except KeyboardInterrupt:
        notes().print(f"sweep {sweep_id} goes on: look again with `lrsweep watch {sweep_id}`")
        return 130
    print_results(archive, sweep_id, spec, json=False)
    return _code(archive.sweep(sweep_id))


def _code(record: "SweepRecord") -> int:
    """Says how it ended; 0 if it is DONE, 130 if it can be resumed, else 1."""
    say = notes()
    say.print(f"sweep {record.id} is {record.status.value}: {record.trials} of {record.total_trials} trials ended")
    if record.error:
        say.print(f"error: {record.error}", markup=False)
    if record.status.value == "INTERRUPTED":
        say.print(f"go on with: lrsweep run --resume {record.id}")
    return {"DONE": 0, "INTERRUPTED": 130}.get(record.status.value, 1)
