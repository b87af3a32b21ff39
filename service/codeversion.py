"""Which code a sweep trains, read off files and installed packages without running any of it."""

import hashlib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from sweeps.errors import UserError
from sweeps.records import CodeVersion
from sweeps.spec import TaskSpec
from sweeps.taskref import FileReference, parse_reference


def code_version(task: TaskSpec) -> CodeVersion:
    """The version of a task's code as it is at this moment; a module's or a built-in's file is not hashed.

    >>> code_version(TaskSpec(use="digits")).sha256 is None
    True
    """
    return CodeVersion(task=task.use, sha256=_hash(task.use), lrsweep=_version("lrsweep"), torch=_version("torch"))


def _hash(use: str) -> str | None:
    with suppress(UserError, OSError):
        reference = parse_reference(use)
        if isinstance(reference, FileReference):
            return hashlib.sha256(reference.file.read_bytes()).hexdigest()
    return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
