"""What a spec may name that came over HTTP: tasks and code of the operator's choice, judged without importing any."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Self

from sweeps.builtin import BUILTIN_TASKS
from sweeps.errors import Problem, SpecError, UserError
from sweeps.spec import SweepSpec
from sweeps.specfile import parse_spec
from sweeps.taskref import BuiltinReference, FileReference, ModuleReference, code_reference, parse_reference

CODE = "LRSWEEP_ALLOWED_TASKS"
FOLDERS = "LRSWEEP_ALLOWED_FOLDERS"

MOST_TRIALS = 1_000_000
"""Trials of one sweep: more would only be a mistake, and would not fit the store's counters for ever."""

_PATTERN = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*)(?P<below>\.\*)?:(?P<attribute>\*|[^\W\d]\w*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePattern:
    """A module, the modules below it if `below`, and one attribute of it or all (None)."""

    module: str
    below: bool
    attribute: str | None

    @classmethod
    def read(cls, text: str) -> Self:
        """Reads one pattern of the allow-list. Raises UserError.

        >>> CodePattern.read("shop.tasks:*").matches(ModuleReference(module="shop.tasks", attribute="Prices"))
        True
        """
        found = _PATTERN.fullmatch(text)
        if found is None:
            raise UserError(f"{CODE}: '{text}' is no pattern; write shop.tasks:*, shop.tasks:Prices or shop.*:*")
        attribute = found["attribute"]
        return cls(
            module=found["module"], below=bool(found["below"]), attribute=None if attribute == "*" else attribute
        )

    def matches(self, reference: ModuleReference) -> bool:
        """True if the operator meant this."""
        within = self.below and reference.module.startswith(f"{self.module}.")
        return (reference.module == self.module or within) and self.attribute in (None, reference.attribute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The allow-list: code by module, and folders that a built-in task may read. Built-in tasks are always allowed."""

    code: tuple[CodePattern, ...] = ()
    folders: tuple[PurePosixPath, ...] = ()

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The operator's: LRSWEEP_ALLOWED_TASKS (comma-separated), LRSWEEP_ALLOWED_FOLDERS (colon-separated)."""
        folders = [PurePosixPath(text) for text in environment.get(FOLDERS, "").split(":") if text]
        for folder in folders:
            if not folder.is_absolute() or ".." in folder.parts:
                raise UserError(f"{FOLDERS}: '{folder}' must be absolute and without '..', such as /data/images")
        patterns = (text.strip() for text in environment.get(CODE, "").split(","))
        return cls(code=tuple(CodePattern.read(text) for text in patterns if text), folders=tuple(folders))

    @classmethod
    def of_coordinator(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """The operator's list for what is run; None where neither variable is set, and what is queued is trusted."""
        return cls.read(environment) if environment.keys() & {CODE, FOLDERS} else None

    def judged(self, raw: Mapping[str, Any]) -> SweepSpec:
        """The sweep that a raw spec asks for. Raises SpecError with every mistake, and with all that is not allowed."""
        spec = parse_spec(raw, check=self.mistake)
        if problems := list(self._problems(spec)):
            raise SpecError(problems)
        return spec

    def mistake(self, use: str, noun: str) -> str | None:
        """Why a spec may not name this as its task, as an optimizer or as a function; None if it may."""
        try:
            reference = parse_reference(use) if noun == "task" else code_reference(use, noun)
        except UserError as error:
            return str(error)
        except (OSError, RuntimeError, ValueError):
            return f"bad {noun} reference '{use}'"
        match reference:
            case BuiltinReference():
                return None
            case FileReference():
                return f"{noun} '{use}' is a file, which a spec sent to a server cannot name; {self._allowed(noun)}"
            case ModuleReference() if any(pattern.matches(reference) for pattern in self.code):
                return None
        return f"{noun} '{use}' is not among what this server allows; {self._allowed(noun)}"

    def _allowed(self, noun: str) -> str:
        builtin = f"a built-in task ({', '.join(BUILTIN_TASKS)})" if noun == "task" else f"a {noun} of torch's"
        return f"give {builtin}, or code that its operator has named in {CODE}"

    def _problems(self, spec: SweepSpec) -> Iterator[Problem]:
        """What else a spec may not ask of this server."""
        if spec.total_trials > MOST_TRIALS:
            message = f"{spec.total_trials} trials in all; allowed are up to {MOST_TRIALS}: give fewer trials or seeds"
            yield Problem(path="trials", message=message)
        folder: Any = spec.task.args.get("folder")
        if spec.task.use.strip() in BUILTIN_TASKS and folder is not None and not self._may_read(str(folder)):
            where = ", ".join(map(str, self.folders)) or f"none: its operator names them in {FOLDERS}"
            message = f"'{folder}' is not below a folder that this server lets tasks read; allowed: {where}"
            yield Problem(path="task.folder", message=message)

    def _may_read(self, folder: str) -> bool:
        path = PurePosixPath(folder)
        return ".." not in path.parts and any(path.is_relative_to(allowed) for allowed in self.folders)
