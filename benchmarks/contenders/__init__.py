"""The same sweep as people run it today, without lrsweep: what `benchmarks.sweeps` compares with."""
