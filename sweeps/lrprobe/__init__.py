"""The probe: which initial LR is best at the budget's end, found by training a grid of them for real.

    low, high = probe_span(range_test)
    spend = means(lane_probe, epochs=20, picks=5)
    probe = LrProbe(low=low, high=high, seeds=(0, 1, 2), epochs=20, objective=objective,
                    untrained=untrained(range_test, objective.metric),
                    afford=spend.afford, shared=spend.shared, at_once=spend.at_once)
    while stretches := probe.ask():
        for each in stretches:             # train every lane up to its stretch's epoch, without early stopping
            probe.tell(Probed(lr=each.lr, seed=each.seed, values=..., exploded=...))
    probe.verdict()

Lanes that a round does not mention are over; those that it mentions go on where they stand, or wait.
"""

from sweeps.lrprobe.means import Means, means
from sweeps.lrprobe.probe import LrProbe, Stretch
from sweeps.lrprobe.span import probe_span, span_steps, untrained
from sweeps.lrprobe.verdict import Verdict

__all__ = ["LrProbe", "Means", "Stretch", "Verdict", "means", "probe_span", "span_steps", "untrained"]
