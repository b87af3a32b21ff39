"""When a sweep has no hope: everything fails the same way."""

from collections import Counter

_ALIKE = 3


class SweepFailed(RuntimeError):
    """Everything failed the same way; the message holds the traceback that all share."""


def last_line(error: str) -> str:
    """The line of a traceback that says what was raised.

    >>> last_line("Traceback ...\\n  File ...\\nValueError: no data\\n")
    'ValueError: no data'
    """
    return error.strip().splitlines()[-1] if error.strip() else ""


class FailureWatch:
    """Counts how trials end, and gives up once the first three have all failed alike."""

    def __init__(self) -> None:
        self._kinds: Counter[str | None] = Counter()

    def saw(self, error: str | None) -> None:
        """Takes the traceback of a trial that ended (None: it did not fail). Raises SweepFailed."""
        kind = None if error is None else last_line(error)
        self._kinds[kind] += 1
        if error is not None and len(self._kinds) == 1 and self._kinds[kind] == _ALIKE:
            raise SweepFailed(f"the first {_ALIKE} trials all failed the same way:\n{error}")
