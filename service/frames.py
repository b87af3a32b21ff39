"""Results as data frames in one line, for notebooks.

    from service.frames import trials
    trials("last")

Every function takes a sweep's id, the beginning of one or `last`, finds the store as the command line does, and gives
a pandas DataFrame; `as_="polars"` gives a polars one, `as_="dict"` the columns, a list each. `store` is the URL of
another store, `server` that of an `lrsweep serve`.
"""

from collections.abc import Callable
from typing import Any, Literal

from service import columns
from service.archive import Archive
from service.columns import Columns
from service.opened import open_archive, opened_here_is_closed

As = Literal["pandas", "polars", "dict"]


def trials(sweep: str = "last", *, as_: As = "pandas", store: str | None = None, server: str | None = None) -> Any:
    """A row a trial: proposal, outcome, objective, times, and hyperparameters by their full names."""
    return _frame(columns.trials, sweep, as_, store, server)


def curves(
    sweep: str = "last",
    *,
    by: Literal["epoch", "step"] = "epoch",
    as_: As = "pandas",
    store: str | None = None,
    server: str | None = None,
) -> Any:
    """A row for each epoch of each trial, with all metrics; or for each step, with training loss and LR."""
    return _frame(columns.epochs if by == "epoch" else columns.steps, sweep, as_, store, server)


def picks(sweep: str = "last", *, as_: As = "pandas", store: str | None = None, server: str | None = None) -> Any:
    """A row for each pair of optimizer and scheduler: the best initial LR and its evidence, best pair first."""
    return _frame(columns.picks, sweep, as_, store, server)


def range_tests(sweep: str = "last", *, as_: As = "pandas", store: str | None = None, server: str | None = None) -> Any:
    """A row for each step of each seed of each range test: LR and training loss."""
    return _frame(columns.range_tests, sweep, as_, store, server)


def rules(sweep: str = "last", *, as_: As = "pandas", store: str | None = None, server: str | None = None) -> Any:
    """A row for each rule of each range test: the LR that it reads and the interval of that."""
    return _frame(columns.rules, sweep, as_, store, server)


def _frame(table: Callable[[Archive, str], Columns], sweep: str, as_: As, store: str | None, server: str | None) -> Any:
    with opened_here_is_closed():
        archive = open_archive(store, server)
        found = table(archive, archive.resolve(sweep))
    if as_ == "dict":
        return found
    if as_ == "polars":
        import polars

        return polars.DataFrame(found, strict=False, infer_schema_length=None)
    import pandas

    return pandas.DataFrame(found)
