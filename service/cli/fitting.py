"""Tables for terminals of any width: a column that has no room is left out whole, since half a number is none."""

from collections.abc import Callable, Sequence

from rich.console import Console, ConsoleOptions
from rich.measure import Measurement
from rich.table import Table

_ANY = 10_000
"""Columns of a terminal in which every table has room."""


def fitted(
    console: Console, options: ConsoleOptions, table_of: Callable[[Sequence[str]], Table], spare: Sequence[str]
) -> tuple[Table, list[str]]:
    """The table without as many of the `spare` columns as have no room, the first of them first; and their names.

    `table_of` makes the table without the columns that it is given.
    """
    left_out: list[str] = []
    while (table := table_of(left_out)) and len(left_out) < len(spare):
        if Measurement.get(console, options.update(width=_ANY), table).maximum <= options.max_width:
            break
        left_out.append(spare[len(left_out)])
    return table, left_out
