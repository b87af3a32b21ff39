"""The `lrsweep` command: gathers the commands and turns errors into messages and exit codes."""

import sys

import typer

from service.cli import (
    catalogue,
    coordinator,
    db,
    doctor,
    export,
    inspect,
    manage,
    pick,
    preview,
    rangetest,
    report,
    run,
    serve,
    token,
    ui,
    watch,
)
from service.cli.streams import drop_output, output_error, stand_ready
from service.collecting import collect_seldom
from service.leaving import leave
from service.opened import opened_here_is_closed
from sweeps.errors import EnvironmentFailure, TaskError, UserError
from sweeps.failures import SweepFailed

app = typer.Typer(
    name="lrsweep",
    help="Find the initial learning rate: sweep optimizers, schedulers and LRs, review the runs in MLflow, pick.",
    epilog="Start with `lrsweep run examples/digits.yaml`, then `lrsweep pick last` and `lrsweep ui`.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run.run)
app.command()(run.validate)
app.command("range-test")(rangetest.range_test)
app.command("list")(inspect.list_sweeps)
app.command()(inspect.show)
app.command()(watch.watch)
app.command()(pick.pick)
app.command()(manage.cancel)
app.command()(manage.retry)
app.command()(coordinator.coordinator)
app.command()(serve.serve)
app.add_typer(token.app, name="token")
app.command()(catalogue.catalogue)
app.command()(preview.preview)
app.command()(ui.ui)
app.command()(report.report)
app.command()(export.export)
app.add_typer(db.app, name="db")
app.command()(doctor.doctor)

_EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (UserError, 2),
    (TaskError, 2),
    (SweepFailed, 1),
    (EnvironmentFailure, 1),
)


def main() -> None:
    """Runs the command of this process; exits 0 done, 1 failed, 2 the user's mistake, 130 interrupted."""
    stand_ready()
    collect_seldom()
    leave(invoke(sys.argv[1:]))


def invoke(args: list[str]) -> int:
    """Runs one command line and returns its exit code."""
    try:
        with opened_here_is_closed():
            code = app(args, prog_name="lrsweep", standalone_mode=False)
    except tuple(kind for kind, _ in _EXIT_CODES) as error:
        print(f"error: {error}", file=sys.stderr)
        return next(code for kind, code in _EXIT_CODES if isinstance(error, kind))
    except typer.exceptions.TyperException as error:
        error.show()  # type: ignore[attr-defined]
        return 2
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output (head, say) has seen enough; closing stderr keeps Python quiet about it.
        sys.stderr.close()
        return 0
    except OSError as error:
        if error is not output_error():
            raise
        print(f"error: the output could not be written: {error.strerror}", file=sys.stderr)
        drop_output()
        return 1
    return int(code or 0)
