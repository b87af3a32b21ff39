"""The lines that make a pick's schedulers, their parts and the warm-ups in front of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sweeps.catalogue import is_path
from sweeps.domains import Value
from sweeps.groups import ParamGroup, own
from sweeps.nesting import clock_of, parts, warm_up_epochs, without_warm_up
from sweeps.records import Pick
from sweeps.schedulers import WARM_UP, SchedulerRow, scheduler_row
from sweeps.snippet.keywords import call_text
from sweeps.snippet.optimizers import Made
from sweeps.snippet.script import Script

PARTS = "schedulers"
UNASKED: Mapping[tuple[str, str], str] = {
    ("StepLR", "step_size"): "max(1, {n} // 3)",
    ("MultiStepLR", "milestones"): "sorted({{max(1, {n} // 2), max(2, {n} * 3 // 4)}})",
    ("ExponentialLR", "gamma"): "0.01 ** (1 / {n})",
    ("CosineAnnealingLR", "T_max"): "{n}",
    ("CosineAnnealingWarmRestarts", "T_0"): "max(1, {n} // 3)",
    ("PolynomialLR", "total_iters"): "{n}",
    ("LambdaLR", "lr_lambda"): "lambda epoch: 1 - epoch / {n}",
    ("MultiplicativeLR", "lr_lambda"): "lambda epoch: 0.95",
    ("OneCycleLR", "total_steps"): "{n}",
    ("CyclicLR", "step_size_up"): "max(1, {n} // 8)",
    ("SWALR", "anneal_epochs"): "max(1, {n} // 2)",
}
"""What a scheduler takes from its length of n ticks, as Python: the rules of its row, for a script that knows n."""


def add_schedulers(
    script: Script,
    pick: Pick,
    params: Mapping[str, Value],
    made: Sequence[Made],
    groups: Sequence[ParamGroup],
    mode: str,
) -> None:
    """Adds the scheduler of each optimizer: that of its group, or the trial's, whose arguments are `params`."""
    for each in made:
        writer = _Writer(script, each, pick.initial_lr, tuple(groups), mode)
        if each.group is not None and each.group.scheduler is not None:
            writer.add(each.group.scheduler, each.group.scheduler_params)
        else:
            writer.add(pick.scheduler, params)
    if any(name in line for line in script.lines for name in ("total_steps", "steps_per_epoch")):
        script.add("# steps_per_epoch is len(batches), total_steps is epochs * steps_per_epoch")


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the scheduler of one optimizer."""

    script: Script
    made: Made
    lr: float
    groups: tuple[ParamGroup, ...]
    mode: str

    def add(self, name: str, params: Mapping[str, Value]) -> None:
        """Adds the scheduler and the warm-up in front of it, with what is to be stepped when."""
        prefix = self.made.variable.removesuffix("optimizer").replace("beside", "beside_")
        scheduler, clock, warm_up = f"{prefix}scheduler", clock_of(name, params), warm_up_epochs(params)
        if not warm_up and clock != "none":
            length = "total_steps" if clock == "step" else "epochs"
            self.script.add(f"{scheduler} = {self._call(name, params, length)}")
        elif warm_up:
            left = f"(total_steps - {prefix}warmup_steps)"
            length = left if clock == "step" else f"-(-{left} // steps_per_epoch)"
            call = self._call(name, without_warm_up(params), length) if clock != "none" else None
            self._add_warm_up(prefix, warm_up, params.get("warmup_factor", WARM_UP["warmup_factor"].default))
            if call is not None:
                self.script.add(
                    f"def make_{scheduler}():",
                    f"    for group in {self.made.variable}.param_groups:",
                    "        group['lr'] = group.pop('initial_lr')",
                    f"    return {call}",
                    f"# then {scheduler} = make_{scheduler}(), which counts from there",
                )
        if clock == "step":
            self.script.add(f"# call {scheduler}.step() after every optimizer.step()")

    def _add_warm_up(self, prefix: str, epochs: float, factor: Value | None) -> None:
        linear = self.script.name_of("torch.optim.lr_scheduler:LinearLR")
        steps, optimizer = f"{prefix}warmup_steps", self.made.variable
        self.script.add(
            f"{steps} = round({epochs!r} * steps_per_epoch)",
            f"{prefix}warmup = {linear}({optimizer}, start_factor={factor!r}, total_iters={steps})",
            f"# call {prefix}warmup.step() after each of the first {steps} steps",
        )

    def _call(self, name: str, params: Mapping[str, Value], length: str | int) -> str:
        """The call that makes a scheduler of so many ticks."""
        row = scheduler_row(name)
        texts = {key: self._text(row, key, value) for key, value in own(params).items() if key != PARTS}
        if row.nests:
            inside = zip(parts(params), _stretches(params, length), strict=True)
            texts = {PARTS: f"[{', '.join(self._call(part.name, part.params, n) for part, n in inside)}]", **texts}
        texts |= {key: self._from_lr(row, key) for key in row.from_lr if key not in texts}
        for key, rule in (*row.from_budget.items(), *row.from_steps.items()):
            if key not in texts:
                known = self._text(row, key, rule(length)) if isinstance(length, int) else None
                texts[key] = known or UNASKED[name, key].format(n=length)
        if row.clock == "metric":
            texts = {"mode": repr(self.mode), **texts}
        if row.cycles_momentum and texts.get("cycle_momentum") != "False":
            texts |= self._cycles()
        arguments = [f"optimizer={self.made.variable}" if row.nests else self.made.variable, call_text(texts)]
        return f"{self.script.name_of(row.path)}({', '.join(filter(None, arguments))})"

    def _text(self, row: SchedulerRow, key: str, value: Value) -> str:
        if row.params[key].kind != "expression":
            return repr(value)
        if isinstance(value, tuple):
            return f"[{', '.join(self._function(str(each)) for each in self._of_these_groups(value))}]"
        return self._function(str(value))

    def _function(self, text: str) -> str:
        return self.script.function(text, is_path=is_path(text))

    def _of_these_groups(self, functions: tuple[Value, ...]) -> list[Value]:
        """The functions of those groups that follow the trial's schedule, out of one for each group."""
        if self.made.group is not None:
            return list(functions)
        rest = len(functions) - len(self.groups)
        apart = {rest + index for index, group in enumerate(self.groups) if group.scheduler is not None}
        return [each for index, each in enumerate(functions) if index not in apart]

    def _from_lr(self, row: SchedulerRow, key: str) -> str:
        """What follows from the LR, for each group from its own."""
        rule = row.from_lr[key]
        if not self.groups:
            return repr(rule(self.lr))
        optimizer = self.made.variable
        lrs = f"{optimizer}_lrs"
        line = f"{lrs} = [group['lr'] for group in {optimizer}.param_groups]"
        if line not in self.script.lines:
            self.script.add(line)
        return lrs if rule(1.0) == 1 else f"[{rule(1.0)!r} * lr for lr in {lrs}]"

    def _cycles(self) -> dict[str, str]:
        """The argument that says that an optimizer has no momentum to cycle; a class by path knows it itself."""
        if is_path(self.made.row.name):
            return {"cycle_momentum": f"not {{'momentum', 'betas'}}.isdisjoint({self.made.variable}.defaults)"}
        return {} if {"momentum", "betas"} & self.made.row.params.keys() else {"cycle_momentum": "False"}


def _stretches(params: Mapping[str, Value], length: str | int) -> list[str | int]:
    """How many ticks each part is made for: numbers where milestones say so, else what follows from the length."""
    milestones = params.get("milestones")
    count = len(parts(params))
    if not isinstance(milestones, tuple):
        return [length] * count
    inner = [int(end) - int(start) for start, end in pairwise((0, *milestones))]
    last = int(milestones[-1])
    return [*inner, max(1, length - last) if isinstance(length, int) else f"max(1, {length} - {last})"]
