"""Turns what a spec's `task:` says into a task that can train."""

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Any

from sweeps.builtin import BuiltinTask
from sweeps.errors import UserError, unknown
from sweeps.taskref import BuiltinReference, CodeReference, missing_attribute, parse_reference
from workers.imports import forget_earlier, import_reference, user_folders, users_code
from workers.usercode import local_modules

_METHODS = ("model", "data", "loss")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedTask:
    """A task that can train: an object with model, data and loss, or a training function `train(trial)`.

    `name` is short, for people; `local_modules` are the names in sys.modules of the user's own modules, which
    other machines lack.
    """

    task: Any
    name: str
    is_function: bool
    local_modules: tuple[str, ...] = ()


def load_task(use: str, args: Mapping[str, Any]) -> LoadedTask:
    """Imports a task and makes it with its arguments.

    `use` is a built-in name, `module:attribute` or `path/to/file.py:attribute`. The attribute is a class,
    which is made with `args`, an object, or a training function, which gets `args` as keyword arguments.

    Raises UserError for a reference, an attribute or arguments that cannot work, TaskError for an error of
    the task's own code.
    """
    reference = parse_reference(use)
    if isinstance(reference, BuiltinReference):
        return _load_builtin(reference.row, args)
    forget_earlier()
    module = import_reference(reference, "task")
    folders = user_folders(module)
    task = _make(use, attribute_of(module, reference, use), args)
    return LoadedTask(
        task=task,
        name=reference.attribute,
        is_function=inspect.isroutine(task),
        local_modules=local_modules(folders),
    )


def attribute_of(module: ModuleType, reference: CodeReference, use: str) -> Any:
    """What a reference, written `use`, names in its module. Raises UserError if the module does not define it."""
    if not hasattr(module, reference.attribute):
        own = (name for name, value in vars(module).items() if _is_defined_in(module.__name__, value))
        raise UserError(missing_attribute(use.rpartition(":")[0], reference.attribute, own))
    return getattr(module, reference.attribute)


def _load_builtin(row: BuiltinTask, args: Mapping[str, Any]) -> LoadedTask:
    if mistakes := row.mistakes(args):
        raise UserError("\n".join(f"task '{row.name}': {mistake}" for mistake in mistakes))
    module, _, attribute = row.path.partition(":")
    make = getattr(importlib.import_module(module), attribute)
    return LoadedTask(task=make(**args), name=row.name, is_function=False)


def _is_defined_in(module: str, value: object) -> bool:
    # Modules and what was imported from them are of no use in "choose one of"; objects made here are.
    return not inspect.ismodule(value) and getattr(value, "__module__", module) == module


def _make(use: str, found: Any, args: Mapping[str, Any]) -> Any:
    if inspect.isclass(found):
        return _construct(use, found, args)
    missing = _missing_methods(found)
    if not missing:
        if args:
            raise UserError(
                f"task '{use}' is an object, made already, but got arguments: {', '.join(args)}; "
                "name its class, or leave the arguments out"
            )
        return found
    if inspect.isroutine(found):
        return _training_function(use, found, args)
    raise UserError(_not_a_task(use, missing))


def _construct(use: str, cls: type, args: Mapping[str, Any]) -> Any:
    # A class without any of the three, a network say, is no task, whatever its arguments; one that lacks only
    # some may still set them on the object that it makes.
    if len(missing := _missing_methods(cls)) == len(_METHODS):
        raise UserError(_not_a_task(use, missing))
    _check_arguments(use, _parameters(cls), args)
    with users_code(f"task '{use}' failed while it was made"):
        task = cls(**args)
    if missing := _missing_methods(task):
        raise UserError(_not_a_task(use, missing))
    return task


def _training_function(use: str, function: Callable[..., Any], args: Mapping[str, Any]) -> Callable[..., Any]:
    parameters = _parameters(function)
    if not parameters or parameters[0].kind in (
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    ):
        raise UserError(
            f"task '{use}' is a function that does not take the trial; write it as `def {function.__name__}(trial)`"
        )
    _check_arguments(use, parameters[1:], args)
    if not args:
        return function

    # A function and not a partial: it keeps its name, and is taken for one by whoever runs it.
    @wraps(function)
    def train(trial: Any) -> Any:
        return function(trial, **args)

    return train


def _parameters(target: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(target).parameters.values())


def _check_arguments(use: str, parameters: Sequence[inspect.Parameter], args: Mapping[str, Any]) -> None:
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    names = [p.name for p in named]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for name in args:
        if name not in names and not takes_any:
            wrong = unknown("argument", name, names) if names else f"got argument '{name}' but takes none: remove it"
            raise UserError(f"task '{use}': {wrong}")
    required = [p.name for p in named if p.default is p.empty and p.name not in args]
    if required:
        raise UserError(f"task '{use}' needs the argument {', '.join(required)}: give it beside `use`")


def _missing_methods(found: object) -> list[str]:
    return [name for name in _METHODS if not callable(getattr(found, name, None))]


def _not_a_task(use: str, missing: Iterable[str]) -> str:
    return (
        f"'{use}' lacks {', '.join(f'{name}()' for name in missing)}; a task has the methods "
        "model(), data() and loss(model, batch), or is a training function `def train(trial)`"
    )
