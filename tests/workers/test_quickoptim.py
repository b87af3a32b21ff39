"""Optimizers train without torch's compiler being loaded, and as they do with it."""

import subprocess
import sys

from sweeps.catalogue import OPTIMIZERS

SCRIPT = """
import sys
import torch
from sweeps.catalogue import OPTIMIZERS
from workers.classes import load_class
if {quick}:
    from workers.quickoptim import keep_compiler_out
    keep_compiler_out()
    keep_compiler_out()
for row in OPTIMIZERS.values():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(4, 3))
    optimizer = load_class(row.path)([weight], lr=0.01)
    def closure():
        optimizer.zero_grad()
        loss = ((weight * torch.arange(12.0).reshape(4, 3)) ** 2).sum().sin()
        loss.backward()
        if row.name == "SparseAdam":
            weight.grad = weight.grad.to_sparse()
        return loss
    for _ in range(3):
        closure()
        optimizer.step(closure)
    optimizer.load_state_dict(optimizer.state_dict())
    print(row.name, weight.tolist())
print("loaded" if "torch._dynamo" in sys.modules else "not loaded", file=sys.stderr)
"""


def run(quick: bool) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(quick=quick)], check=True, capture_output=True, text=True, timeout=120
    )
    return done.stdout, done.stderr.strip()


def test_every_optimizer_steps_the_same_and_the_compiler_stays_out() -> None:
    stock, quick = run(quick=False), run(quick=True)
    assert stock[0] == quick[0]
    assert len(quick[0].splitlines()) == len(OPTIMIZERS)
    assert quick[1] == "not loaded"
    # If this fails torch has mended it, and workers/quickoptim.py can go.
    assert stock[1] == "loaded"
