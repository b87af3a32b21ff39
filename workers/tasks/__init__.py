"""The tasks that come with lrsweep; `sweeps/builtin.py` lists them."""
