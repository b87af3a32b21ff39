"""`lrsweep preview` shows the very numbers that a plain loop over the stock scheduler gives."""

import io
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR

from service.cli.main import invoke
from service.cli.terminalplot import line_plot
from service.plots import schedules
from service.plots.schedules import ScheduleCurve, colours_of
from sweeps.records import Budget
from sweeps.schedulers import SCHEDULERS
from tests.service.cli.conftest import clean_environment, command
from tests.workers.small import a_job, hear, prepared, train

ROOT = Path(__file__).parents[3]
LR, EPOCHS, PER_EPOCH = 0.1, 12, 5
STEPS = EPOCHS * PER_EPOCH
BUDGET = ["--lr", str(LR), "--epochs", str(EPOCHS), "--steps-per-epoch", str(PER_EPOCH)]

CASES: list[tuple[list[str], Mapping[str, Any]]] = [
    (["StepLR", "step_size=3", "gamma=0.5"], {"step_size": 3, "gamma": 0.5}),
    (["StepLR"], {"step_size": 4}),
    (["MultiStepLR", "milestones=[2, 7]"], {"milestones": [2, 7]}),
    (["ExponentialLR", "gamma=0.95"], {"gamma": 0.95}),
    (["CosineAnnealingLR"], {"T_max": 12}),
    (["CosineAnnealingLR", "T_max=5", "eta_min=1e-3"], {"T_max": 5, "eta_min": 1e-3}),
    (["CosineAnnealingWarmRestarts", "T_0=2", "T_mult=2"], {"T_0": 2, "T_mult": 2}),
    (["ConstantLR", "factor=0.25"], {"factor": 0.25}),
    (["LinearLR", "total_iters=8"], {"total_iters": 8}),
    (["PolynomialLR", "power=2"], {"total_iters": 12, "power": 2.0}),
    (["LambdaLR", "lr_lambda=0.9 ** epoch"], {"lr_lambda": lambda epoch: 0.9**epoch}),
    (["MultiplicativeLR", "lr_lambda=0.9 if epoch < 5 else 1"], {"lr_lambda": lambda e: 0.9 if e < 5 else 1}),
    (["OneCycleLR"], {"max_lr": LR, "total_steps": STEPS}),
    (
        ["OneCycleLR", "pct_start=0.2", "anneal_strategy=linear", "three_phase=true"],
        {"max_lr": LR, "total_steps": STEPS, "pct_start": 0.2, "anneal_strategy": "linear", "three_phase": True},
    ),
    (
        ["CyclicLR", "base_lr=0.01", "step_size_up=7", "mode=triangular2"],
        {"max_lr": LR, "base_lr": 0.01, "step_size_up": 7, "mode": "triangular2"},
    ),
    (["OneCycleLR", "total_steps=80"], {"max_lr": LR, "total_steps": 80}),
    (["LambdaLR", "lr_lambda=math:exp2"], {"lr_lambda": lambda epoch: 2.0**epoch}),
    (["SWALR"], {"swa_lr": LR / 2, "anneal_epochs": EPOCHS // 2}),
    (["SWALR", "swa_lr=0.01", "anneal_epochs=3"], {"swa_lr": 0.01, "anneal_epochs": 3}),
    (
        ["SequentialLR", "schedulers=[LinearLR: {start_factor: 0.1}, CosineAnnealingLR]", "milestones=[5]"],
        {
            "schedulers": lambda opt: [
                lr_scheduler.LinearLR(opt, start_factor=0.1),
                lr_scheduler.CosineAnnealingLR(opt, T_max=7),
            ],
            "milestones": [5],
        },
    ),
    (
        ["SequentialLR", "schedulers=[StepLR: {step_size: 4}, OneCycleLR, SWALR]", "milestones=[8, 40]"],
        {
            "schedulers": lambda opt: [
                lr_scheduler.StepLR(opt, 4),
                lr_scheduler.OneCycleLR(opt, LR, total_steps=32),
                SWALR(opt, LR / 2, anneal_epochs=10),
            ],
            "milestones": [8, 40],
        },
    ),
    (
        ["ChainedScheduler", "schedulers=[{ConstantLR: {factor: 0.5}}, {ExponentialLR: {gamma: 0.9}}]"],
        {
            "schedulers": lambda opt: [
                lr_scheduler.ConstantLR(opt, factor=0.5),
                lr_scheduler.ExponentialLR(opt, gamma=0.9),
            ]
        },
    ),
]


def run(capsys: pytest.CaptureFixture[str], *args: object) -> tuple[int, str, str]:
    code = invoke(["preview", *map(str, args)])
    out, err = capsys.readouterr()
    return code, out, err


def document(capsys: pytest.CaptureFixture[str], *args: object) -> Any:
    code, out, err = run(capsys, *args, "--json")
    assert code == 0, err
    return json.loads(out)


def optimizer_at(lr: float, **keywords: Any) -> torch.optim.SGD:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=lr, **keywords)


def test_every_scheduler_has_a_case() -> None:
    assert {words[0] for words, _ in CASES} | {"none", "ReduceLROnPlateau"} == set(SCHEDULERS)


@pytest.mark.parametrize(("words", "keywords"), CASES, ids=[" ".join(words) for words, _ in CASES])
def test_the_numbers_are_those_of_a_plain_loop(
    words: list[str], keywords: Mapping[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    optimizer = optimizer_at(LR, momentum=0.9)
    made = {key: value(optimizer) if key == "schedulers" else value for key, value in keywords.items()}
    scheduler = {"SWALR": SWALR}.get(words[0]) or getattr(lr_scheduler, words[0])
    scheduler = scheduler(optimizer=optimizer, **made)
    by_step = any("OneCycleLR" in word or "CyclicLR" in word for word in words)
    ticks = STEPS if by_step else EPOCHS
    lrs, momenta = [], []
    for tick in range(ticks):
        lrs.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        if tick < ticks - 1:
            scheduler.step()
    shown = document(capsys, *words, *BUDGET)
    assert shown == {"lr": lrs, "momentum": momenta if by_step else None}


@pytest.mark.parametrize(("words", "keywords"), CASES[:10], ids=[" ".join(words) for words, _ in CASES[:10]])
def test_a_warm_up_comes_before_all_of_it(
    words: list[str], keywords: Mapping[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    own = [f"{key}={value}" for key, value in keywords.items()]
    shown = document(capsys, words[0], *own, "warmup=2", "warmup_factor=0.2", *BUDGET)["lr"]
    alone = document(capsys, words[0], *own, *BUDGET)["lr"]
    rise = [LR * (0.2 + 0.8 * step / (2 * PER_EPOCH)) for step in range(2 * PER_EPOCH)]
    assert shown[: len(rise)] == pytest.approx(rise)
    assert shown[len(rise) :] == [lr for lr in alone[: EPOCHS - 2] for _ in range(PER_EPOCH)]


def test_what_is_left_out_follows_from_the_epochs_after_a_warm_up(capsys: pytest.CaptureFixture[str]) -> None:
    shown = document(capsys, "CosineAnnealingLR", "warmup=2", *BUDGET)["lr"]
    assert shown == document(capsys, "CosineAnnealingLR", "warmup=2", f"T_max={EPOCHS - 2}", *BUDGET)["lr"]
    assert shown[0] == pytest.approx(LR / 100)


def test_a_function_in_a_file_is_previewed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "own_schedule.py"
    file.write_text("def halved(epoch):\n    return 0.5**epoch\n")
    assert document(capsys, "LambdaLR", f"lr_lambda={file}:halved", "--lr", 0.8, "--epochs", 3)["lr"] == [0.8, 0.4, 0.2]
    nested = f"schedulers=[LambdaLR: {{lr_lambda: {file}:halved}}]"
    assert document(capsys, "ChainedScheduler", nested, "--lr", 0.8, "--epochs", 2)["lr"] == [0.8, 0.4]


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("CosineAnnealingLR", {"T_max": 4, "warmup": 1.5}),
        ("OneCycleLR", {"pct_start": 0.5}),
        ("SWALR", {"anneal_epochs": 2}),
        ("SequentialLR", {"schedulers": ("ConstantLR", "CyclicLR"), "milestones": (4,), "1.step_size_up": 2}),
        ("ChainedScheduler", {"schedulers": ("LinearLR", "ExponentialLR"), "1.gamma": 0.9}),
    ],
    ids=["warm-up", "OneCycleLR", "SWALR", "SequentialLR", "ChainedScheduler"],
)
def test_the_numbers_are_those_that_a_trial_trains_with(
    name: str, params: Mapping[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    job = a_job(scheduler=name, scheduler_params=params, initial_lr=LR, budget=Budget(epochs=4))
    reports = hear(train(prepared(), job)).reports
    # Three steps an epoch. An epoch's one LR is in force at each of them.
    trained = [lr for report in reports for lr in report.step_lrs]
    inside = [
        {part: {key[2:]: value for key, value in params.items() if key.startswith(f"{index}.")}}
        for index, part in enumerate(params.get("schedulers", ()))
    ]
    given = {key: value for key, value in params.items() if "." not in key} | ({"schedulers": inside} if inside else {})
    words = [f"{key}={json.dumps(value)}" for key, value in given.items()]
    shown = document(capsys, name, *words, "--lr", LR, "--epochs", 4, "--steps-per-epoch", 3)["lr"]
    assert [lr for lr in shown for _ in range(len(trained) // len(shown))] == trained
    assert len(set(trained)) >= 3


def test_none_is_constant(capsys: pytest.CaptureFixture[str]) -> None:
    assert document(capsys, "none", *BUDGET) == {"lr": [LR] * EPOCHS, "momentum": None}


def test_the_optimizer_gives_its_lr_and_whether_momentum_is_cycled(capsys: pytest.CaptureFixture[str]) -> None:
    assert document(capsys, "none", "--optimizer", "Adadelta", "--epochs", 2)["lr"] == [1.0, 1.0]
    cycled = document(capsys, "OneCycleLR", *BUDGET, "--optimizer", "Adam")["momentum"]
    assert (max(cycled), min(cycled)) == pytest.approx((0.95, 0.85), abs=1e-3)
    assert document(capsys, "OneCycleLR", *BUDGET, "--optimizer", "Adagrad")["momentum"] is None


# --- the one that listens


def stock_falls(metrics: list[float], **keywords: Any) -> tuple[list[float], list[int]]:
    """The LR of every epoch in a plain loop, and the epochs after whose steps it fell."""
    optimizer = optimizer_at(0.1)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, **keywords)
    lrs = []
    for metric in metrics:
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(metric)
    return lrs, [epoch for epoch in range(len(lrs) - 1) if lrs[epoch + 1] < lrs[epoch]]


def test_the_known_trace_of_a_plateau_through_the_real_command(tmp_path: Path) -> None:
    keywords = {"mode": "min", "factor": 0.1, "patience": 10, "cooldown": 10, "min_lr": 1e-4}
    # The change is made before the step of epoch 5, so that the scheduler sees 0.4 there. Were epoch 5 itself still
    # told 0.5, stock torch would let the LR fall one epoch later.
    metrics = [0.5] * 5 + [0.4] * 195
    lrs, falls = stock_falls(metrics, **keywords)
    assert falls == [16, 37, 58]
    assert stock_falls([0.5] * 6 + [0.4] * 194, **keywords)[1] == [17, 38, 59]

    file = tmp_path / "metric.txt"
    file.write_text("\n".join(map(str, metrics)))
    words = "preview ReduceLROnPlateau factor=0.1 patience=10 cooldown=10 min_lr=1e-4 --lr 0.1 --epochs 200 --json"
    done = subprocess.run(
        command(*words.split(), "--metric", file), cwd=ROOT, env=clean_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads(done.stdout) == {"lr": lrs, "momentum": None}
    assert [lrs[epoch] for epoch in (16, 17, 37, 38, 58, 59, 199)] == pytest.approx(
        [0.1, 0.01, 0.01, 0.001, 0.001, 1e-4, 1e-4]
    )


@pytest.mark.parametrize("text", ["1\n2\n\n3\n4\n", "[1, 2, 3, 4.0]", "1 2 3 4", " [1,\n2,3,4,5]"])
def test_a_metric_file_is_lines_or_json(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "metric"
    file.write_text(text)
    plateau = ["ReduceLROnPlateau", "patience=0", "factor=0.5", "--lr", 0.8, "--epochs", 4, "--metric", file]
    assert document(capsys, *plateau)["lr"] == [0.8, 0.8, 0.4, 0.2]
    assert document(capsys, *plateau, "mode=max")["lr"] == [0.8] * 4


def test_a_plateau_after_a_warm_up_is_shown_step_by_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "metric"
    file.write_text("1 1 2 3")
    words = ["ReduceLROnPlateau", "patience=0", "factor=0.5", "warmup=1", "warmup_factor=0.5", "--steps-per-epoch", 2]
    shown = document(capsys, *words, "--lr", 0.8, "--epochs", 4, "--metric", file)["lr"]
    assert shown == pytest.approx([0.4, 0.6, 0.8, 0.8, 0.8, 0.8, 0.4, 0.4])


# --- several, plots, pictures


def test_several_schedulers_come_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    groups = [["StepLR", "step_size=2"], ["none"], ["OneCycleLR", "pct_start=0.5"], ["StepLR", "step_size=3"]]
    words = [word for group in groups for word in ("+", *group)][1:]
    shown = document(capsys, *words, *BUDGET)
    assert [one["scheduler"] for one in shown] == ["StepLR", "none", "OneCycleLR", "StepLR"]
    assert [one["label"] for one in shown][0::3] == ["StepLR step_size=2", "StepLR step_size=3"]
    assert [len(one["lr"]) for one in shown] == [EPOCHS, EPOCHS, STEPS, EPOCHS]
    for group, one in zip(groups, shown, strict=True):
        alone = document(capsys, *group, *BUDGET)
        assert alone == {"lr": one["lr"], "momentum": one["momentum"]}


def test_the_terminal_gets_a_plot_and_the_numbers_that_matter(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "StepLR", "step_size=6", "+", "OneCycleLR", *BUDGET)
    assert (code, err) == (0, "")
    assert any("\u2801" <= char <= "\u28ff" for char in out)
    assert "StepLR step_size=6: LR 0.1 at first, 0.1 at most, 0.01 at last" in out
    assert "(momentum)" in out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 110


def test_a_scheduler_by_steps_says_so_where_nobody_did(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "OneCycleLR", "--epochs", 5)
    assert code == 0
    assert "--steps-per-epoch" in err


def test_a_picture_is_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "six.png"
    names = ["StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", "OneCycleLR", "LambdaLR"]
    code, _, err = run(capsys, *" + ".join(names).split(), *BUDGET, "--save", file)
    assert code == 0
    assert str(file) in err.replace("\n", "")
    drawn = Image.open(io.BytesIO(file.read_bytes()))
    assert (drawn.format, drawn.width >= 600) == ("PNG", True)


def test_curves_have_colours_of_their_own() -> None:
    curves = [
        ScheduleCurve(scheduler=name, label=label, x=[0, 1], lrs=[0.1, 0.2])
        for name, label in (("StepLR", "StepLR a=1"), ("StepLR", "StepLR a=2"), ("none", "none"))
    ]
    assert len(set(colours_of(curves))) == 3
    assert schedules(curves, "epoch").startswith(b"\x89PNG")


@pytest.mark.parametrize("length", [10, 22, 36, 40, 200])
def test_the_legend_fits_into_the_picture(length: int) -> None:
    curves = [
        ScheduleCurve(scheduler="StepLR", label=(f"{number}" + " gamma=0.95" * 20)[:length], x=[0, 1], lrs=[0.1, 0.2])
        for number in range(6)
    ]
    picture = Image.open(io.BytesIO(schedules(curves, "epoch"))).convert("L")
    margins = [picture.crop((left, 0, left + 2, picture.height)) for left in (0, picture.width - 2)]
    assert [margin.getextrema() for margin in margins] == [(255, 255)] * 2


@pytest.mark.parametrize(
    "values", [[0.1], [0.0, 0.0], [1e-12, 1e-12], [-1.0, 1.0], [1e300, 1.0], [0.5] * 20_000, [float("nan")], []]
)
def test_any_values_can_be_drawn(values: list[float]) -> None:
    text = line_plot([("a", range(len(values)), values)], x_label="epoch", y_label="LR", width=80)
    assert text
    assert len(text.splitlines()) < 24
    assert max(map(len, text.splitlines())) <= 80


# --- what is wrong


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["Steplr"], "did you mean 'StepLR'?"),
        (["StepLR", "step_siz=3"], "unknown StepLR hyperparameter 'step_siz'; did you mean 'step_size'?"),
        (["StepLR", "step_size=0"], "step_size must be a whole number with 1 <= value, got 0"),
        (["StepLR", "step_size=[1"], "is not a YAML value"),
        (["StepLR", "step_size=1", "step_size=2"], "given twice"),
        (["StepLR", "CosineAnnealingLR"], "put + before another scheduler"),
        (["StepLR", "+"], "a + stands between two schedulers"),
        (["none", "gamma=1"], "unknown none hyperparameter 'gamma'"),
        (["OneCycleLR", "max_lr=0.1"], "OneCycleLR: max_lr is the trial's initial LR"),
        (["OneCycleLR", "total_steps=5"], "total_steps of OneCycleLR is 5, and 100 steps are to be made"),
        (["StepLR", "gamma=[0.1, 0.5]"], "StepLR: gamma has several values; give one"),
        (["StepLR", "gamma={low: 0.1, high: 0.5}"], "StepLR: gamma has several values; give one"),
        (["StepLR", "warmup=0"], "warmup must be a number with 0 < value"),
        (["StepLR", "warmup_factor=2"], "warmup_factor must be a number with"),
        (["SequentialLR"], "schedulers missing: give"),
        (["SequentialLR", "schedulers=[StepLR, none]", "milestones=[3]"], "give ConstantLR with factor 1"),
        (["SequentialLR", "schedulers=[StepLR, SteplR]", "milestones=[3]"], "did you mean 'StepLR'?"),
        (["SequentialLR", "schedulers=[StepLR, StepLR]", "milestones=[3, 4]"], "one milestone fewer"),
        (
            ["ChainedScheduler", "schedulers=[StepLR: {step_size: 0}]"],
            "schedulers[0].StepLR.step_size must be a whole number with 1 <= value, got 0",
        ),
        (["ChainedScheduler", "schedulers=[StepLR: {gamma: [0.1, 0.5]}]"], "gamma has several values; give one"),
        (["LambdaLR", "lr_lambda=no.such.module:warm"], "no.such.module"),
        (["LambdaLR", "lr_lambda=no/such/file.py:warm"], "no function file at"),
        (["LambdaLR", "lr_lambda=math:warm"], "warm"),
        (["LambdaLR", "lr_lambda=math:pi"], "and must be a function of the epoch"),
        (["LambdaLR", "lr_lambda=os.path:join"], "lr_lambda=os.path:join: expected str"),
        (["LambdaLR", "lr_lambda=[['0.5', '0.6']]"], "2 functions and the trial 1 param group"),
        (["OneCycleLR", "anneal_strategy=cosine"], "cos"),
        (["ReduceLROnPlateau"], "give --metric FILE"),
        (["StepLR", "--metric", "pyproject.toml"], "leave it out"),
        (["ReduceLROnPlateau", "--metric", "no/such/file"], "cannot read the metric file no/such/file"),
        (["StepLR", "--optimizer", "Sdg"], "did you mean 'SGD'?"),
        (["StepLR", "--lr", "0"], "--lr must be"),
        (["StepLR", "--lr", "nan"], "--lr must be"),
        (["StepLR", "--epochs", "0"], "--epochs"),
        (["StepLR", "--save", "x.jpg"], "x.png"),
        (["StepLR", "--save", "no/such/folder/x.png"], "cannot write"),
        (["ExponentialLR", "gamma=1e200"], "LR of epoch 2 is inf"),
        (["LambdaLR", "lr_lambda=1 / epoch"], "division by zero"),
        (["LambdaLR", "lr_lambda=__import__('os')"], "lr_lambda must be"),
    ],
    ids=str,
)
def test_a_mistake_is_one_clear_message(words: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert part in err
    assert "Traceback" not in err


@pytest.mark.parametrize("text", ["", "a\nb", "[1, null]", "[1, [2]]", "[1, 2", "1\n2\n3"])
def test_a_metric_file_that_will_not_do(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "metric"
    file.write_text(text)
    code, out, err = run(capsys, "ReduceLROnPlateau", "--epochs", 4, "--metric", file)
    assert (code, out) == (2, "")
    assert "metric" in err
