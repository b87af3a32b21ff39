"""The parts with a notation of their own: task, name, objective, seeds, timeout."""

import re
from collections.abc import Callable
from typing import Any

from sweeps.builtin import BUILTIN_TASKS
from sweeps.objective import Objective
from sweeps.param import Param
from sweeps.spec import TaskSpec
from sweeps.specfile.node import Node, is_none, is_number, is_text, shown

SEED = Param(kind="int", low=0, high=2**32 - 1)
"""What every generator that a sweep seeds (NumPy's among them) can take."""

_SEED_COUNT = Param(kind="int", low=1, high=1000)
_DEEPEST = 20
_MAXIMIZED = frozenset(
    (
        *("acc", "acc1", "acc5", "accuracy", "top1", "top5", "score", "auc", "auroc", "auprc", "ap", "map"),
        *("f1", "fbeta", "precision", "recall", "sensitivity", "specificity", "iou", "miou", "dice", "jaccard"),
        *("r2", "mcc", "kappa", "bleu", "rouge", "psnr", "ssim", "ndcg", "mrr", "spearman", "pearson"),
    )
)
_MINIMIZED = frozenset(("loss", "error", "err", "distance"))
"""Words that outweigh those: an `accuracy_loss` is a loss."""
_OBJECTIVE = {
    "direction": Param(kind="text", choices=("minimize", "maximize")),
    "value": Param(kind="text", choices=("last", "best")),
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_task(node: Node, check: Callable[[str], str | None]) -> TaskSpec | None:
    """The task: a reference, or a mapping of `use` and the task's own arguments."""
    before = len(node.found)
    use = node.at("use") if isinstance(node.value, dict) else node
    if not is_text(use.value) or not use.value.strip():
        use.refuse(
            "must be a built-in task, module:attribute or path/to/file.py:attribute, "
            f"or a mapping of use and the task's arguments, got {shown(use.value)}"
        )
        return None
    mistake = check(use.value)
    if mistake is not None:
        use.refuse(mistake)
    args = {key: value for key, value in node.value.items() if key != "use"} if isinstance(node.value, dict) else {}
    _require_plain(Node(value=args, path=node.path, found=node.found))
    if len(node.found) == before and use.value in BUILTIN_TASKS:
        for problem in BUILTIN_TASKS[use.value].mistakes(args):
            node.at(problem.path).refuse(problem.message)
    return TaskSpec(use=use.value, args=args) if len(node.found) == before else None


def _require_plain(node: Node, depth: int = 0) -> None:
    """Refuses what JSON cannot hold: arguments go through the store to workers elsewhere."""
    match node.value:
        case list() | dict() if depth >= _DEEPEST:
            node.refuse(f"goes more than {_DEEPEST} levels deep")
        case list() as items:
            for index in range(len(items)):
                _require_plain(node.at(index), depth + 1)
        case dict() as entries:
            for key in entries:
                if not is_text(key):
                    node.refuse(f"names must be text, got {shown(key)}: put it in quotes")
                _require_plain(node.at(key), depth + 1)
        case None | bool():
            pass
        case plain if is_number(plain) or is_text(plain):
            pass
        case other:
            node.refuse(f"must be text, a finite number, true, false, a list or a mapping, got {shown(other)}")


def read_name(node: Node) -> str:
    """The sweep's name, which also names files and appears in addresses."""
    if isinstance(node.value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", node.value):
        return node.value
    node.refuse(
        f"must be at most 100 letters, digits, - _ or . and begin with a letter or digit, got {shown(node.value)}"
    )
    return ""


def name_of(task: TaskSpec) -> str:
    """The name of a sweep that has none of its own.

    >>> name_of(TaskSpec(use="my/bank notes.py:Banknotes")), name_of(TaskSpec(use="digits"))
    ('Banknotes', 'digits')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", task.use.rpartition(":")[2]).strip("-_.")[:100] or "sweep"


def guessed_direction(metric: str) -> str:
    """The way in which a metric of that name gets better.

    >>> [guessed_direction(f"val/{name}") for name in ("accuracy", "f1_macro", "topAccuracy", "acc@1")]
    ['maximize', 'maximize', 'maximize', 'maximize']
    >>> guessed_direction("val/loss"), guessed_direction("val/accuracy_loss"), guessed_direction("map/regret")
    ('minimize', 'minimize', 'minimize')
    """
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", metric.rpartition("/")[2])
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    return "maximize" if words & _MAXIMIZED and not words & _MINIMIZED else "minimize"


def read_objective(node: Node) -> Objective | None:
    """The objective: a metric's name, or a mapping; the direction follows from the name unless it is given."""
    before = len(node.found)
    is_mapping = isinstance(node.value, dict)
    fields = node.fields(("metric", *_OBJECTIVE)) if is_mapping else {"metric": node}
    metric: object = Objective().metric
    if "metric" in fields:
        metric = fields["metric"].value
        if not is_text(metric) or not metric.strip():
            fields["metric"].refuse(f"must be the name of a metric, such as val/loss, got {shown(metric)}")
    settings: dict[str, Any] = {key: fields[key].read(param) for key, param in _OBJECTIVE.items() if key in fields}
    if len(node.found) > before:
        return None
    return Objective(**{"metric": metric, "direction": guessed_direction(str(metric)), **settings})


def read_seeds(node: Node) -> tuple[int, ...]:
    """The seeds that each configuration is trained with: a count (0, 1, ...) or the seeds themselves."""
    if not isinstance(node.value, list):
        count = node.read(_SEED_COUNT, ", or a list of distinct seeds")
        return tuple(range(count)) if isinstance(count, int) else ()
    seeds: list[int] = []
    for place in node.items("[0, 1, 2]"):
        seed = place.read(SEED)
        if seed in seeds:
            place.refuse(f"seed {seed} stands in the list twice; drop one")
        if isinstance(seed, int):
            seeds.append(seed)
    return tuple(seeds)


def read_timeout(node: Node) -> float | None:
    """The timeout in seconds, from seconds or a text such as 90s, 10m, 1h30m; None for none."""
    if is_none(node.value):
        return None
    value = node.value
    if isinstance(value, str) and re.fullmatch(r"(\d+(\.\d+)?[smhd])+", value.replace(" ", "")):
        parts = re.findall(r"([\d.]+)([smhd])", value.replace(" ", ""))
        value = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if is_number(value) and value > 0:
        return float(value)
    node.refuse(f"must be seconds above 0, or a text such as 90s, 10m or 2h, got {shown(node.value)}")
    return None
