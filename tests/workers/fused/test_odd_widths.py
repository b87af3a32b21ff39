"""Lanes of odd widths, whose rows begin anywhere in memory, say the same bit for bit in any company."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from sweeps.records import Budget, Job
from tests.workers.fused.company import hear_all
from tests.workers.small import a_job, prepared
from workers.inline import InlineRunner
from workers.structures import map_tensors
from workers.tasks.digits import DigitsMLP

ROOT = Path(__file__).parents[3]
LANES = 9


class Attentive(nn.Module):
    """A sequence of eight rows of pixels, each of which looks at the others."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.attend = nn.Linear(8, 9), nn.MultiheadAttention(9, 3, batch_first=True)
        self.norm, self.out = nn.LayerNorm(9), nn.Linear(72, 10)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.embed(x.view(-1, 8, 8))
        rows = self.norm(rows + self.attend(rows, rows, rows, need_weights=False)[0])
        return self.out(rows.flatten(1))


class Reading(nn.Module):
    """Reads eight rows of pixels, one after another."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer, self.out = layer, nn.Linear(layer.hidden_size, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.layer(x.view(-1, 8, 8))[0].mean(1))


MODELS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Sequential(nn.Linear(64, 17), nn.ReLU(), nn.Linear(17, 5), nn.Tanh(), nn.Linear(5, 10)),
    "batch norm": lambda: nn.Sequential(nn.Linear(64, 17), nn.BatchNorm1d(17), nn.ReLU(), nn.Linear(17, 10)),
    "layer norm": lambda: nn.Sequential(nn.Linear(64, 17), nn.LayerNorm(17), nn.GELU(), nn.Linear(17, 10)),
    "weight norm": lambda: nn.Sequential(weight_norm(nn.Linear(64, 17)), nn.ReLU(), nn.Linear(17, 10)),
    "attention": Attentive,
    "LSTM": lambda: Reading(nn.LSTM(8, 9, batch_first=True)),
    "GRU": lambda: Reading(nn.GRU(8, 9, batch_first=True)),
    "RNN": lambda: Reading(nn.RNN(8, 9, batch_first=True)),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Conv2d(5, 7, 3), nn.Flatten(), nn.Linear(112, 10)
    ),
}


class Odd(DigitsMLP):
    """150 examples, the last batch a small one."""

    def __init__(self, model: Callable[[], nn.Module]):
        super().__init__()
        self.model = model  # type: ignore[method-assign]

    def data(self) -> Any:
        train, val = super().data()
        return map_tensors(lambda each: each[:150], train), map_tensors(lambda each: each[:69], val)


def companies_that_differ() -> Sequence[tuple[str, int]]:
    """Models and how many lanes of them said otherwise together than alone, in this process after a worker was made."""
    InlineRunner(lambda: None)
    jobs = [a_job(key=f"{n}", initial_lr=0.1, seed=n, budget=Budget(epochs=2)) for n in range(LANES)]
    return [(name, count) for name, model in MODELS.items() for count in _differing(Odd(model), jobs)]


def _differing(task: Odd, jobs: Sequence[Job]) -> Sequence[int]:
    ready = prepared(task)
    alone = {job.key: hear_all(ready, [job])[job.key].said for job in jobs}
    return [
        count
        for count in (2, 3, 5, LANES)
        if any(heard.said != alone[key] for key, heard in hear_all(ready, jobs[-count:]).items())
    ]


def test_odd_widths_train_alike_in_any_company() -> None:
    script = f"from {__name__} import companies_that_differ as differ; print(differ())"
    # MKL looks at its setting once, at its first product; this process has made some.
    environment = {name: value for name, value in os.environ.items() if name != "MKL_CBWR"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stdout + done.stderr


def test_the_user_s_own_setting_of_mkl_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    InlineRunner(lambda: None)
    assert os.environ["MKL_CBWR"] == "COMPATIBLE"
