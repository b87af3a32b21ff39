"""Who holds a lease: a process, named so that it is known where it can be looked for."""

import os
import socket
import zlib
from pathlib import Path


def owner_of(pid: int) -> str:
    """The process of this id, as the holder of a lease: `PID@PLACE`.

    Where one place sees a process under this id, another sees none, or a stranger: containers on their host's network
    share its name, but each counts its own processes; machines may share a name as well.
    """
    return f"{pid}@{_place()}"


def died_here(owner: str) -> bool:
    """True if the process was one of this place and is gone: then nobody need wait for its lease to run out."""
    pid, _, place = owner.partition("@")
    if place != _place() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _place() -> str:
    """This host's name and, on Linux, what tells this boot and this PID namespace from all others."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return socket.gethostname()
    return f"{socket.gethostname()}.{zlib.crc32(b'%s %d' % (boot, namespace)):08x}"
