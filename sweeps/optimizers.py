"""The optimizers that a sweep may name: one row each, and a row for any class that is named by its path."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sweeps.codepath import is_path
from sweeps.derived import conflicts, derived_params
from sweeps.domains import Choice, Domain, Domains, Fixed, Range
from sweeps.param import Param


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What an optimizer asks of the loop that trains with it, beyond gradients and a step."""

    closure: bool = False
    """step() takes a function that computes loss and gradients anew, as often as it likes."""
    full_batch: bool = False
    """A step means something only on the whole training data."""
    sparse: bool = False
    """Every gradient must be sparse."""
    matrices: bool = False
    """It takes 2-D weights only: AdamW trains the others beside it."""


LrSays = Literal["every step", "first step", "up to 1/sqrt(step)"]
"""Which steps an optimizer's LR sizes: where not every one, a range test says little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerRow:
    """One optimizer: torch class, arguments, the LRs that make sense on its own scale, what is searched unasked."""

    name: str
    path: str
    default_lr: float
    lr: Range
    """The bounds of its range test, and of its search where no range test was trusted."""
    params: Mapping[str, Param]
    space: Domains = field(default_factory=dict)
    needs: Needs = field(default_factory=Needs)
    lr_says: LrSays = "every step"
    care: str = ""

    @property
    def searchable(self) -> Mapping[str, Param]:
        """All that a spec may give or search: the arguments, and the other names that some of them have."""
        return self.params if isinstance(self.params, AnyKeyword) else {**self.params, **derived_params(self.params)}

    def unasked(self, given: Iterable[str]) -> Domains:
        """What is searched unasked beside what is given, under whichever of its names.

        >>> sorted(OPTIMIZERS["SGD"].unasked([])), sorted(OPTIMIZERS["SGD"].unasked(["one_minus_momentum"]))
        (['momentum'], [])
        """
        names = set(given)
        return {
            key: domain
            for key, domain in self.space.items()
            if key not in names and not any(conflicts(dict.fromkeys((key, name))) for name in names)
        }


class AnyKeyword(Mapping[str, Param]):
    """The arguments of a class that nobody has imported yet: any name, any value; the worker checks them.

    Only the `known` ones are listed.
    """

    def __init__(self, known: Mapping[str, Param] | None = None):
        self._known = dict(known or {})

    def __getitem__(self, name: str) -> Param:
        if name not in self:
            raise KeyError(name)
        return self._known.get(name, _ANY)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.isidentifier()

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


_ANY = Param(kind="any")


def path_row(name: str) -> OptimizerRow:
    """The row of a class by its path: searched on Adam's LR scale, its arguments checked where it is imported.

    >>> path_row("mypkg.opt:Lion").path
    'mypkg.opt:Lion'

    Raises ValueError for a name that is no path.
    """
    if not is_path(name):
        raise ValueError(f"'{name}' is no path of a class; give package.module:Class or path/to/file.py:Class")
    return OptimizerRow(
        name=name,
        path=name,
        default_lr=1e-3,
        lr=_ADAM_LR,
        params=AnyKeyword({"betas": Param(kind="pair", length=0, low=0, high=1, open_high=True)}),
        care="its arguments are checked by the worker, which imports it; give lr as {low: ..., high: ...} "
        "where its LRs lie elsewhere than Adam's",
    )


_EPS = Param(default=1e-8, low=0)
_DECAY = Param(default=0.0, low=0)
_BETAS = Param(kind="pair", default=(0.9, 0.999), low=0, high=1, open_high=True)
_MOMENTUM = Param(default=0.0, low=0, high=1, open_high=True)
_FLAG = Param(kind="bool", default=False)
_ADAM_LR = Range(low=1e-6, high=1.0, log=True)
_SGD_LR = Range(low=1e-5, high=10.0, log=True)


def _optimizer(
    name: str,
    default_lr: float,
    lr: Range,
    params: Mapping[str, Param],
    *,
    needs: Needs | None = None,
    lr_says: LrSays = "every step",
    care: str = "",
    **space: Domain,
) -> OptimizerRow:
    return OptimizerRow(
        name=name,
        path=f"torch.optim:{name}",
        default_lr=default_lr,
        lr=lr,
        params=params,
        space=space,
        needs=needs or Needs(),
        lr_says=lr_says,
        care=care,
    )


_ADAM = {"betas": _BETAS, "eps": _EPS, "weight_decay": _DECAY, "amsgrad": _FLAG}

OPTIMIZERS: Mapping[str, OptimizerRow] = {
    row.name: row
    for row in (
        _optimizer(
            "SGD",
            1e-3,
            _SGD_LR,
            {
                "momentum": _MOMENTUM,
                "dampening": Param(default=0.0, low=0),
                "weight_decay": _DECAY,
                "nesterov": _FLAG,
            },
            care="nesterov needs momentum > 0 and dampening 0",
            momentum=Choice(values=(0.9, 0.0)),
        ),
        _optimizer("Adam", 1e-3, _ADAM_LR, _ADAM | {"decoupled_weight_decay": _FLAG}),
        _optimizer(
            "AdamW",
            1e-3,
            _ADAM_LR,
            _ADAM | {"weight_decay": Param(default=1e-2, low=0)},
            weight_decay=Range(low=1e-5, high=1e-1, log=True),
        ),
        _optimizer("Adamax", 2e-3, _ADAM_LR, {"betas": _BETAS, "eps": _EPS, "weight_decay": _DECAY}),
        _optimizer(
            "NAdam",
            2e-3,
            _ADAM_LR,
            {
                "betas": _BETAS,
                "eps": _EPS,
                "weight_decay": _DECAY,
                "momentum_decay": Param(default=4e-3, low=0),
                "decoupled_weight_decay": _FLAG,
            },
            care="has a momentum schedule of its own",
        ),
        _optimizer(
            "RAdam",
            1e-3,
            _ADAM_LR,
            {"betas": _BETAS, "eps": _EPS, "weight_decay": _DECAY, "decoupled_weight_decay": _FLAG},
            care="has a warm-up of its own",
        ),
        _optimizer(
            "RMSprop",
            1e-2,
            Range(low=1e-6, high=1.0, log=True),
            {
                "alpha": Param(default=0.99, low=0, high=1, open_high=True),
                "eps": _EPS,
                "weight_decay": _DECAY,
                "momentum": _MOMENTUM,
                "centered": _FLAG,
            },
        ),
        _optimizer(
            "Adagrad",
            1e-2,
            Range(low=1e-5, high=10.0, log=True),
            {
                "lr_decay": Param(default=0.0, low=0),
                "weight_decay": _DECAY,
                "initial_accumulator_value": Param(default=0.0, low=0),
                "eps": Param(default=1e-10, low=0),
            },
            care="lr_decay compounds with a scheduler",
        ),
        _optimizer(
            "Adadelta",
            1.0,
            Range(low=1e-3, high=100.0, log=True),
            {
                "rho": Param(default=0.9, low=0, high=1),
                "eps": Param(default=1e-6, low=0),
                "weight_decay": _DECAY,
            },
            care="its LRs lie around 1",
        ),
        _optimizer(
            "ASGD",
            1e-2,
            _SGD_LR,
            {
                "lambd": Param(default=1e-4),
                "alpha": Param(default=0.75),
                "t0": Param(default=1e6, low=0),
                "weight_decay": _DECAY,
            },
            care="its own decay compounds with a scheduler",
        ),
        _optimizer(
            "SparseAdam",
            1e-3,
            _ADAM_LR,
            {"betas": _BETAS, "eps": Param(default=1e-8, low=0, open_low=True)},
            care="sparse gradients only: every parameter must be an Embedding(sparse=True)",
            needs=Needs(sparse=True),
        ),
        _optimizer(
            "Adafactor",
            1e-2,
            Range(low=1e-5, high=1.0, log=True),
            {
                "beta2_decay": Param(default=-0.8, high=0),
                # None for torch's own (None, 1e-3), whose first stands for the precision of the parameter's type.
                "eps": Param(kind="pair", low=0),
                "d": Param(default=1.0, low=1),
                "weight_decay": _DECAY,
            },
            lr_says="up to 1/sqrt(step)",
            care="at its step t it moves by max(eps[1], RMS(weights)) * min(lr, 1/sqrt(t)): an lr above 1/sqrt(t) "
            "is clamped and says nothing more, so schedules and range tests show less the longer it trains",
            beta2_decay=Range(low=-1.0, high=-0.5),
        ),
        _optimizer(
            "Rprop",
            1e-2,
            Range(low=1e-5, high=1.0, log=True),
            {
                "etas": Param(kind="pair", default=(0.5, 1.2), low=0, open_low=True, around=1.0),
                "step_sizes": Param(kind="pair", default=(1e-6, 50), low=0),
            },
            needs=Needs(full_batch=True),
            lr_says="first step",
            care="trains on full batches: an epoch is one step over all of the training data, which must be tensors or "
            "a Dataset; lr is only the size of the first step: schedules and range tests say nothing",
        ),
        _optimizer(
            "LBFGS",
            1.0,
            Range(low=1e-3, high=10.0, log=True),
            {
                "max_iter": Param(kind="int", default=20, low=1),
                "max_eval": Param(kind="int", low=1),
                "tolerance_grad": Param(default=1e-7, low=0),
                "tolerance_change": Param(default=1e-9, low=0),
                "history_size": Param(kind="int", default=100, low=1),
                "line_search_fn": Param(kind="text", choices=("strong_wolfe",)),
            },
            needs=Needs(closure=True),
            care="a step computes loss and gradients up to max_eval times on its batch; the loss of a step is the "
            "first one, before the update; one param group; large batches suit it",
            history_size=Choice(values=(100, 10)),
        ),
        _optimizer(
            "Muon",
            1e-3,
            _ADAM_LR,
            {
                "weight_decay": Param(default=0.1, low=0),
                "momentum": Param(default=0.95, low=0, high=1, open_high=True),
                "nesterov": Param(kind="bool", default=True),
                "ns_coefficients": Param(kind="pair", length=3, default=(3.4445, -4.775, 2.0315)),
                "eps": Param(default=1e-7, low=0, open_low=True),
                "ns_steps": Param(kind="int", default=5, low=1, high=99),
                "adjust_lr_fn": Param(kind="text", choices=("original", "match_rms_adamw")),
            },
            needs=Needs(matrices=True),
            care="trains the weights that are exactly 2-D and no embedding, the output layer's among them; embeddings, "
            "biases, norms and convolutions go to AdamW with torch's defaults, at the same LR and schedule, and with "
            "the weight_decay and eps of their group if it has its own; "
            "adjust_lr_fn match_rms_adamw puts both on AdamW's scale; with original, Muon's LRs lie higher",
            adjust_lr_fn=Fixed(value="match_rms_adamw"),
            momentum=Choice(values=(0.95, 0.9)),
        ),
    )
}
