"""The lines that make a pick's optimizers: one, or two side by side, more for groups with schedules of their own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sweeps.catalogue import optimizer_row
from sweeps.domains import Value
from sweeps.groups import LR_MULTIPLIER, REST, ParamGroup, own
from sweeps.optimizers import OPTIMIZERS, OptimizerRow
from sweeps.paramnames import params_of
from sweeps.snippet.keywords import call_text, dict_text, keyword_texts
from sweeps.snippet.script import Script, variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An optimizer of the script: its variable, what it is, and the group whose own schedule it follows, if any."""

    variable: str
    row: OptimizerRow
    group: ParamGroup | None


def add_optimizers(
    script: Script, name: str, lr: float, params: Mapping[str, Value], groups: Sequence[ParamGroup]
) -> list[Made]:
    """Adds the lines that make a pick's optimizers from `params`, the hyperparameters of the optimizer and its groups.

    A group with a schedule of its own has an optimizer of its own, which trains it no differently.
    """
    row = optimizer_row(name)
    if groups:
        _add_members(script, groups)
    if row.needs.matrices:
        script.add(
            "tables = [m for m in model.modules() if isinstance(m, torch.nn.Embedding | torch.nn.EmbeddingBag)]",
            "embedded = {id(p) for m in tables for p in m.parameters()}",
            "is_matrix = {p: p.ndim == 2 and id(p) not in embedded for p in model.parameters()}",
        )
    together = [group.name for group in groups if group.scheduler is None]
    made = _make(script, row, lr, params, [REST, *together] if groups else [], None)
    for group in groups:
        if group.scheduler is not None:
            made += _make(script, row, lr, params, [group.name], group)
    return made


def _add_members(script: Script, groups: Sequence[ParamGroup]) -> None:
    """Deals the parameters out: each belongs to the first group that has a pattern for its name."""
    script.need("from fnmatch import fnmatchcase")
    script.add(
        f"patterns = { ({group.name: list(group.patterns) for group in groups})!r}",
        f"members = {{group: [] for group in [{REST!r}, *patterns]}}",
        "for name, parameter in model.named_parameters():",
        "    fits = (group for group in patterns if any(fnmatchcase(name, each) for each in patterns[group]))",
        f"    members[next(fits, {REST!r})].append(parameter)",
    )
    for group in groups:
        if group.from_epoch > 0:
            script.add(
                f"for parameter in members[{group.name!r}]:",
                f"    parameter.requires_grad_(False)  # until epoch {group.from_epoch} (from 0) begins: then True",
            )


def _make(
    script: Script,
    row: OptimizerRow,
    lr: float,
    params: Mapping[str, Value],
    names: Sequence[str],
    group: ParamGroup | None,
) -> list[Made]:
    """Adds one optimizer over the groups of these names, over all parameters without any; AdamW beside one of 2-D."""
    prefix = f"{variable(group.name)}_" if group is not None else ""
    sides = [("optimizer", row, own(params), " if is_matrix[p]" if row.needs.matrices else "")]
    if row.needs.matrices:
        sides.append(("beside", OPTIMIZERS["AdamW"], {}, " if not is_matrix[p]"))
    made = []
    for name, side, given, condition in sides:
        options = {"lr": repr(lr), **keyword_texts(script, side, given, {})}
        if names:
            source = f"{prefix}{name}_groups" if condition else f"{prefix}groups"
            script.add(f"{source} = [")
            for each in names:
                script.add(f"    {_group_text(script, side, each, lr, params, given, condition)},")
            script.add("]")
            source = f"[group for group in {source} if group['params']]"
        else:
            source = f"[p for p in model.parameters(){condition}]" if condition else "model.parameters()"
        script.add(f"{prefix}{name} = {script.name_of(side.path)}({source}, {call_text(options)})")
        made.append(Made(variable=f"{prefix}{name}", row=side, group=group))
    return made


def _group_text(
    script: Script,
    row: OptimizerRow,
    name: str,
    lr: float,
    params: Mapping[str, Value],
    under: Mapping[str, Value],
    condition: str,
) -> str:
    members = f"members[{name!r}]"
    options = {"params": f"[p for p in {members}{condition}]" if condition else members}
    if name != REST:
        given = params_of(params, name)
        multiplier = float(given.pop(LR_MULTIPLIER, 1.0))  # type: ignore[arg-type]
        known = {key: value for key, value in given.items() if key in row.searchable}
        options |= {"lr": repr(lr * multiplier), **keyword_texts(script, row, known, under)}
    return dict_text(options)
