"""What a coordinator says: one line an event, `event=NAME key=value ...`, for people and for machines."""

import json
import logging
import re
import sys
import time
from typing import TextIO

_PLAIN = re.compile(r"[\w./:@+-]+")
_LONGEST = 300

_logger = logging.getLogger("lrsweep.coordinator")


def start_logging(stream: TextIO = sys.stderr) -> None:
    """Sends what is said to a stream, with time in UTC and level."""
    handler = logging.StreamHandler(stream)
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    _logger.handlers[:] = [handler]
    _logger.setLevel(logging.INFO)
    _logger.propagate = False


def say(event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Logs an event."""
    _logger.log(level, "%s", line(event, **fields))


def line(event: str, **fields: object) -> str:
    r"""An event as one line: values with spaces or quotes are JSON strings, long ones are cut, None is left out.

    >>> line("ended", sweep="ab12", reason="killed by\nSIGKILL", user=None)
    'event=ended sweep=ab12 reason="killed by\\nSIGKILL"'
    """
    return " ".join(f"{key}={_value(value)}" for key, value in {"event": event, **fields}.items() if value is not None)


def _value(value: object) -> str:
    text = str(value)
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
