"""The brain of lrsweep: what to try, what was learned, which initial LR to pick. Pure: no torch, no Ray, no SQL."""
