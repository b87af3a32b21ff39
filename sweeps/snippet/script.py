"""What the lines of a snippet have in common: how they name what is not theirs, and the lines themselves."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import PurePath

from sweeps.decay import DECAYS

_MATH = "from math import *"


@dataclass(slots=True)
class Script:
    """Lines in their order, and the imports that they need."""

    lines: list[str] = field(default_factory=list)
    _imports: list[str] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> list[str]:
        """The imports, then the lines."""
        return [*self._imports, *self.lines]

    def add(self, *lines: str) -> None:
        """Appends lines."""
        self.lines.extend(lines)

    def need(self, statement: str) -> None:
        """Imports once, on top."""
        if statement not in self._imports:
            self._imports.append(statement)

    def name_of(self, path: str) -> str:
        """How the lines call a class or function: torch's by its full name, the user's by a name that is imported.

        >>> script = Script()
        >>> script.name_of("torch.optim:SGD"), script.name_of("mine.opt:Lion"), script.name_of("other:Lion")
        ('torch.optim.SGD', 'Lion', 'Lion_2')
        >>> script.whole
        ['from mine.opt import Lion', 'from other import Lion as Lion_2']
        """
        place, _, attribute = path.rpartition(":")
        if place.partition(".")[0] == "torch":
            return f"{place}.{attribute}"
        if path not in self._names:
            taken = set(self._names.values())
            numbered = (attribute if count == 1 else f"{attribute}_{count}" for count in range(1, len(taken) + 2))
            name = self._names[path] = next(name for name in numbered if name not in taken)
            self._import(place, attribute, name)
        return self._names[path]

    def _import(self, place: str, attribute: str, name: str) -> None:
        module = place
        if place.endswith(".py"):
            # What stands beside the file can be imported too, as when it is a task.
            file = PurePath(place)
            module = file.stem
            self.need("import sys")
            self.need(f"sys.path.insert(0, {str(file.parent)!r})")
            if not module.isidentifier():
                self.need("import runpy")
                self.need(f"{name} = runpy.run_path({place!r})[{attribute!r}]")
                return
        self.need(f"from {module} import {attribute}" + (f" as {name}" if name != attribute else ""))

    def function(self, text: str, *, is_path: bool) -> str:
        """A function of the epoch, from its path or from an expression."""
        if is_path:
            return self.name_of(text)
        self.need(_MATH)
        names = {node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)}
        for name in sorted(names & DECAYS.keys()):
            self.need(f"from sweeps.decay import {name}")
        return f"lambda epoch: {text}"


def variable(name: str) -> str:
    """A group's name as a part of a variable's.

    >>> variable("layer-4")
    'layer_4'
    """
    return re.sub(r"\W", "_", name)
