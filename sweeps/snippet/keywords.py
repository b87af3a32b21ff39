"""An optimizer's keyword arguments as Python."""

from collections.abc import Mapping

from sweeps.catalogue import is_path
from sweeps.derived import DERIVED, torch_keywords
from sweeps.domains import Value
from sweeps.optimizers import OptimizerRow
from sweeps.snippet.script import Script


def keyword_texts(
    script: Script, row: OptimizerRow, given: Mapping[str, Value], under: Mapping[str, Value]
) -> dict[str, str]:
    """What an optimizer, or a group of it, is called with; `under` are the optimizer's own where it is a group.

    They matter where only one half of a pair is given.
    """
    if is_path(row.name):
        below = _path_texts(script, row, under, {})
        return _path_texts(script, row, given, below)
    defaults = {name: param.default for name, param in row.params.items()}
    defaults |= torch_keywords({key: value for key, value in under.items() if key in row.searchable}, defaults)
    return {name: repr(value) for name, value in torch_keywords(given, defaults).items()}


def _path_texts(
    script: Script, row: OptimizerRow, given: Mapping[str, Value], below: Mapping[str, str]
) -> dict[str, str]:
    """The same for a class that is not imported here: the script itself looks its defaults up."""
    texts = {name: repr(value) for name, value in given.items() if name not in DERIVED}
    for name in given.keys() & DERIVED.keys():
        rule = DERIVED[name]
        number = repr(rule.of(given[name]))
        if rule.index is None:
            texts[rule.keyword] = number
            continue
        if rule.keyword not in texts and rule.keyword not in below:
            script.need("import inspect")
        default = f"inspect.signature({script.name_of(row.path)}).parameters[{rule.keyword!r}].default"
        pair = texts.get(rule.keyword, below.get(rule.keyword, default))
        halves = [f"{pair}[{index}]" for index in (0, 1)]
        halves[rule.index] = number
        texts[rule.keyword] = f"({', '.join(halves)})"
    return texts


def call_text(options: Mapping[str, str]) -> str:
    """Keyword arguments of a call.

    >>> call_text({"lr": "0.1", "momentum": "0.9"})
    'lr=0.1, momentum=0.9'
    """
    return ", ".join(f"{name}={text}" for name, text in options.items())


def dict_text(options: Mapping[str, str]) -> str:
    """The same as a dict.

    >>> dict_text({"lr": "0.1"})
    '{"lr": 0.1}'
    """
    return "{" + ", ".join(f'"{name}": {text}' for name, text in options.items()) + "}"
