"""Processes of this machine, found by whose children they are: only what the chaos itself started is ever killed."""

import os
import signal
from collections import defaultdict
from contextlib import suppress
from pathlib import Path


def command_of(pid: int) -> str:
    """Its command line; empty for one that is gone, or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def descendants(root: int) -> list[int]:
    """All processes below one, nearest first."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                children[int(fields[1])].append(int(folder.name))
    found, rest = [], [root]
    while rest:
        below = children[rest.pop(0)]
        found += below
        rest += below
    return found


def kill(pid: int, sign: signal.Signals = signal.SIGKILL) -> bool:
    """Sends a signal; False if there is no such process any more."""
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return False
    return True
