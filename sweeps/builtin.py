"""The tasks that come with lrsweep: one row each, classes by path, so that listing them loads no torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sweeps.errors import Problem, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskArg:
    """One argument of a built-in task: what is allowed, in words and as a test, and its default."""

    allowed: str
    accepts: Callable[[object], bool]
    default: object = None
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltinTask:
    """One built-in task: its class by path, what it is in a line, the arguments that a spec may give it."""

    name: str
    path: str
    summary: str
    args: Mapping[str, TaskArg] = field(default_factory=dict)

    def mistakes(self, args: Mapping[str, object]) -> tuple[Problem, ...]:
        """What is wrong with these arguments; each problem's path is the argument's name.

        >>> [str(problem) for problem in BUILTIN_TASKS["digits"].mistakes({"batch_size": 0})]
        ['batch_size: got 0; allowed is a whole number from 1']
        """
        problems = []
        for name, value in args.items():
            if name not in self.args:
                problems.append(Problem(path=name, message=unknown("argument", name, self.args)))
            elif not self.args[name].accepts(value):
                message = f"got {value!r}; allowed is {self.args[name].allowed}"
                problems.append(Problem(path=name, message=message))
        for name, arg in self.args.items():
            if arg.required and name not in args:
                message = f"the task '{self.name}' needs it: give {arg.allowed}"
                problems.append(Problem(path=name, message=message))
        return tuple(problems)


def _is_whole(value: object, low: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(default: int | None, low: int = 1, note: str = "") -> TaskArg:
    return TaskArg(
        allowed=f"a whole number from {low}{note}",
        accepts=lambda value: _is_whole(value, low),
        default=default,
    )


def _positive(default: float) -> TaskArg:
    return TaskArg(
        allowed="a number above 0",
        accepts=lambda value: _is_number(value) and 0 < value < float("inf"),  # type: ignore[operator]
        default=default,
    )


IMAGE_MODELS = ("lenet5", "alexnet", "resnet18", "resnet50")

BUILTIN_TASKS: Mapping[str, BuiltinTask] = {
    row.name: row
    for row in (
        BuiltinTask(
            name="digits",
            path="workers.tasks.digits:DigitsMLP",
            summary="scikit-learn's 8x8 digits with a multi-layer perceptron: seconds a trial on a CPU",
            args={
                "hidden": TaskArg(
                    allowed="a list of layer widths, whole numbers from 1",
                    accepts=lambda value: (
                        isinstance(value, Sequence) and not isinstance(value, str) and all(map(_is_whole, value))
                    ),
                    default=(128, 128),
                ),
                "batch_size": _whole(64),
            },
        ),
        BuiltinTask(
            name="digits-cnn",
            path="workers.tasks.digits:DigitsCNN",
            summary="scikit-learn's 8x8 digits with a small convolutional network",
            args={"batch_size": _whole(64)},
        ),
        BuiltinTask(
            name="images",
            path="workers.tasks.images:Images",
            summary="your own images, one folder per class, with LeNet-5, AlexNet, ResNet-18 or ResNet-50",
            args={
                "folder": TaskArg(
                    allowed="the path of a folder that holds one folder of images per class",
                    accepts=lambda value: isinstance(value, str) and bool(value.strip()),
                    required=True,
                ),
                "model": TaskArg(
                    allowed="one of: " + ", ".join(IMAGE_MODELS),
                    accepts=lambda value: isinstance(value, str) and value in IMAGE_MODELS,
                    default="resnet18",
                ),
                "size": TaskArg(
                    allowed="a whole number of pixels from 1 (left out: 32 for lenet5, 224 for the others)",
                    accepts=lambda value: value is None or _is_whole(value),
                ),
                "val_fraction": TaskArg(
                    allowed="a number between 0 and 1, both excluded",
                    accepts=lambda value: _is_number(value) and 0 < value < 1,  # type: ignore[operator]
                    default=0.2,
                ),
                "batch_size": _whole(32),
            },
        ),
        BuiltinTask(
            name="text",
            path="workers.tasks.text:Text",
            summary="synthetic sentences of four topics with a sparse bag-of-words model, for SparseAdam too",
            args={"batch_size": _whole(64)},
        ),
        BuiltinTask(
            name="quadratic",
            path="workers.tasks.quadratic:Quadratic",
            summary="a quadratic bowl without noise, whose best and largest stable learning rates are known",
            args={
                "mu": _positive(0.1),
                "L": _positive(10.0),
                "dimensions": _whole(20, low=2),
                "steps_per_epoch": _whole(10),
            },
        ),
    )
}
