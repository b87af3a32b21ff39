"""Formulas of the epoch that a spec may hold: arithmetic and math functions, nothing else."""

import ast
import math
from collections.abc import Callable

from sweeps.codepath import is_path
from sweeps.decay import DECAYS

_FUNCTIONS = {
    name: getattr(math, name) for name in ("sqrt", "exp", "log", "log2", "log10", "sin", "cos", "tanh", "floor", "ceil")
} | {"min": min, "max": max, "abs": abs}
_CALLABLE = {**_FUNCTIONS, **DECAYS}
_CONSTANTS = {"pi": math.pi, "e": math.e}
_NODES = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.IfExp,
    ast.BoolOp,
    ast.Call,
    ast.keyword,
    ast.Name,
    ast.Constant,
    ast.operator,
    ast.unaryop,
    ast.cmpop,
    ast.boolop,
    ast.expr_context,
)
_LONGEST = 500
_LARGEST = 1e9
ALLOWED = (
    f"an expression of `epoch` (from 0) with numbers, + - * / // % **, comparisons, `a if b else c`, "
    f"{', '.join(_FUNCTIONS)}, {', '.join(_CONSTANTS)}, and the decay families of `lrsweep catalogue`, "
    "such as `cosine_decay(1, epoch, 20)`"
)


def is_function(text: str) -> bool:
    """True for a function by its path, or an expression that compiles."""
    if is_path(text):
        return True
    try:
        compile_expression(text)
    except ValueError:
        return False
    return True


def compile_expression(text: str) -> Callable[[int], float]:
    """The function of the epoch (or step) that an expression means.

    >>> half = compile_expression("0.5 ** (epoch // 10)")
    >>> half(0), half(25)
    (1.0, 0.25)
    >>> compile_expression("exponential_decay(1, epoch, 10, 0.5, staircase=True)")(25)
    0.25

    Raises ValueError for anything but arithmetic: names, attributes, indices and calls of other functions.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"an expression of {len(text)} characters; at most {_LONGEST}")
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ValueError(f"'{text}' is not an expression: {error}; give {ALLOWED}") from error
    for node in ast.walk(tree):
        _check(node, text)
    code = compile(ast.fix_missing_locations(_Floats().visit(tree)), "<schedule>", "eval")
    names = {"__builtins__": {}, **_CALLABLE, **_CONSTANTS}

    def function(epoch: int) -> float:
        return float(eval(code, {**names, "epoch": float(epoch)}))

    return function


def _is_number(value: object) -> bool:
    # True and False are 1 and 0 in Python, and switches of the decays: `staircase=True`.
    return isinstance(value, int | float) and abs(value) < _LARGEST


def _is_known_call(node: ast.Call) -> bool:
    if not isinstance(node.func, ast.Name) or node.func.id not in _CALLABLE:
        return False
    return node.func.id in DECAYS or not node.keywords


class _Floats(ast.NodeTransformer):
    """Whole numbers of Python grow without end: 9**9**9 would take for ever, while a float overflows at once."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant(float(node.value))  # type: ignore[arg-type]


def _check(node: ast.AST, text: str) -> None:
    if not isinstance(node, _NODES):
        raise ValueError(f"'{text}' holds {type(node).__name__}; give {ALLOWED}")  # noqa: TRY004 - the user's text
    if isinstance(node, ast.Name) and node.id not in {"epoch", *_CALLABLE, *_CONSTANTS}:
        raise ValueError(f"'{text}' names '{node.id}'; give {ALLOWED}")
    if isinstance(node, ast.Call) and not _is_known_call(node):
        raise ValueError(f"'{text}' calls what is neither a function of math nor a decay; give {ALLOWED}")
    if isinstance(node, ast.Constant) and not _is_number(node.value):
        raise ValueError(f"'{text}' holds {node.value!r}; give {ALLOWED}")
