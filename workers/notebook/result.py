"""What a range test in a notebook answers: the initial LR first, then how sure it is, then the curves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from sweeps.medians import median_curve
from sweeps.rules.smoothing import smoothed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RangeTestResult:
    """A suggested initial LR with its evidence: every seed's curve whole, and what each rule reads off it.

    `lrs` is [steps], that of the tested group; `losses` is [seeds][steps], each cut where its loss stopped being
    finite or diverged. `suggestion` lies within `interval` (None: nothing is known). `group_lrs` is the suggestion for
    each param group, [groups], None for one that stayed at its own LR. `trusted` is False, with `reasons`, where the
    curves raise doubts; without an interval the suggestion is only the optimizer's usual LR. `metrics` is what
    `validate` gave, by name, [seeds][points], after so many steps as `metric_steps` says.
    """

    optimizer: str
    suggestion: float
    interval: tuple[float, float] | None
    trusted: bool
    reasons: tuple[str, ...]
    rules: Mapping[str, float | None]
    group_lrs: tuple[float | None, ...]
    seeds: tuple[int, ...]
    lrs: tuple[float, ...]
    losses: tuple[tuple[float, ...], ...]
    metric_steps: tuple[int, ...] = ()
    metrics: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)

    @property
    def answer(self) -> str:
        """The suggestion in one line.

        >>> _EXAMPLE.answer
        'initial LR 0.03 for SGD, between 0.01 and 0.1'
        """
        if not self.trusted and self.interval is None:
            return (
                f"no initial LR for {self.optimizer} can be read off the curves; {self.suggestion:.2g} is its usual one"
            )
        between = f", between {self.interval[0]:.2g} and {self.interval[1]:.2g}" if self.interval else ""
        doubt = "" if self.trusted else ", not to be trusted"
        return f"initial LR {self.suggestion:.2g} for {self.optimizer}{between}{doubt}"

    def _facts(self) -> dict[str, str]:
        """What follows the answer, by what it is about."""
        lengths = sorted(map(len, self.losses))
        steps = f"{lengths[0]}" if lengths[0] == lengths[-1] else f"{lengths[0]} to {lengths[-1]}"
        facts = {"doubts": "; ".join(self.reasons)} if self.reasons else {}
        if len(self.group_lrs) > 1:
            facts["param groups"] = ", ".join("unchanged" if lr is None else f"{lr:.2g}" for lr in self.group_lrs)
        facts["rules"] = ", ".join(f"{name} {'none' if lr is None else f'{lr:.2g}'}" for name, lr in self.rules.items())
        facts["tested"] = f"{self.lrs[0]:.2g} to {self.lrs[-1]:.2g}, {steps} of {len(self.lrs)} steps, "
        facts["tested"] += f"{len(self.losses)} seed{'' if len(self.losses) == 1 else 's'}"
        return facts

    def __repr__(self) -> str:
        return "\n".join([self.answer, *(f"  {name}: {value}" for name, value in self._facts().items())])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:left'>{escape(value)}</td></tr>"
            for name, value in self._facts().items()
        )
        return f"<p><b>{escape(self.answer)}</b></p><table>{rows}</table>"

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Draws the curves over the LR on a log axis: each seed, their median, each rule, the suggestion.

        Draws into `axes`, or a new figure of matplotlib's, which is loaded here for the first time.
        """
        if axes is None:
            from matplotlib import pyplot

            axes = pyplot.subplots(layout="constrained")[1]
        axes.set_xscale("log")
        axes.set_xlabel("LR")
        axes.set_ylabel("training loss")
        axes.set_title(self.answer, fontsize="medium", wrap=True)
        for losses in self.losses:
            axes.plot(self.lrs[: len(losses)], losses, color="0.6", linewidth=0.7, alpha=0.6)
        for curves, width, label in (
            (self.losses, 2.0, "median"),
            ([smoothed(each) for each in self.losses], 0.8, "median, smoothed"),
        ):
            curve = median_curve(curves)
            axes.plot(self.lrs[: len(curve)], curve, color="#0072B2", linewidth=width, label=label)
        if curve := median_curve(self.losses):
            # The last steps before the end would press all others into a flat line.
            margin = 0.3 * (curve[0] - min(curve)) or 0.1
            axes.set_ylim(min(curve) - margin, curve[0] + margin)
        found = sorted((lr, name) for name, lr in self.rules.items() if lr is not None)
        for place, (lr, name) in enumerate(found):
            axes.axvline(lr, color="0.75", linewidth=0.8, linestyle=":")
            axes.annotate(name, (lr, 0.02 + 0.05 * (place % 6)), xycoords=("data", "axes fraction"), fontsize="x-small")
        if self.interval:
            axes.axvspan(*self.interval, color="#0072B2", alpha=0.1, label="interval")
        label = f"{self.suggestion:.2g}" if self.trusted else f"{self.suggestion:.2g}, not trusted"
        axes.axvline(self.suggestion, color="#D55E00", linestyle="--", label=label)
        axes.legend(loc="upper left", fontsize="small")
        return axes


_EXAMPLE = RangeTestResult(
    optimizer="SGD",
    suggestion=0.03,
    interval=(0.01, 0.1),
    trusted=True,
    reasons=(),
    rules={"valley": 0.03},
    group_lrs=(0.03,),
    seeds=(0,),
    lrs=(0.01, 0.1, 1.0),
    losses=((3.0, 2.0, 1.0),),
)
