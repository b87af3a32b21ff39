"""What cannot work, or means less than it seems to, is said before a sweep is launched."""

from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from tests.service.cli.conftest import Cli

SPEC = """
task: digits
budget: {{epochs: 4}}
optimizers: [{optimizers}]
schedulers: [{schedulers}]
trials: 4
pruner: none
range_test: off
"""
WARNED = SPEC.format(optimizers="SGD: {lr: [0.1, 0.01]}", schedulers="none, CosineAnnealingLR: {T_max: 9}")
REFUSED = SPEC.format(optimizers="SGD: {lr: 0.1}", schedulers="none, OneCycleLR: {total_steps: 30}").replace(
    "epochs: 4", "steps: 40"
)
COSINE = "schedulers[1].CosineAnnealingLR.T_max"
ONE_CYCLE = "schedulers[1].OneCycleLR.total_steps"


def test_validate_says_what_means_little_and_that_the_spec_is_valid(cli: Cli, here: Path) -> None:
    (here / "spec.yaml").write_text(WARNED)
    said = cli("validate", "spec.yaml")
    assert said.code == 0
    assert said.out.startswith("spec.yaml is valid: 4 trials over 2 pairs")
    (line,) = said.err.splitlines()
    assert line == (
        f"warning: {COSINE}: is 9 epochs, and it has 4: the LR does not come down to eta_min; "
        "leave it out to have it follow the budget"
    )


def test_validate_puts_warnings_into_its_document(cli: Cli, here: Path) -> None:
    (here / "spec.yaml").write_text(WARNED)
    said = cli("validate", "spec.yaml", "--json")
    assert (said.code, said.err) == (0, "")
    assert (said.document["valid"], said.document["problems"]) == (True, [])
    ((path, message),) = [(each["path"], each["message"]) for each in said.document["warnings"]]
    assert path == COSINE
    assert message.startswith("is 9 epochs")


def test_validate_counts_the_pairs_that_are_left(cli: Cli, here: Path) -> None:
    text = SPEC.format(optimizers="SGD: {lr: 0.1}, LBFGS: {lr: 1}", schedulers="none, StepLR")
    (here / "spec.yaml").write_text(text + "groups: {head: {parameters: '4.*'}}\n")
    said = cli("validate", "spec.yaml")
    assert said.code == 0, said.err
    assert "over 2 pairs" in said.out
    assert "optimizers[1].LBFGS: left out: it takes one parameter group only" in said.err


@pytest.mark.parametrize("verb", ["validate", "run"])
def test_an_error_is_refused_like_a_mistake_in_the_spec(cli: Cli, here: Path, verb: str) -> None:
    (here / "spec.yaml").write_text(REFUSED)
    said = cli(verb, "spec.yaml")
    assert said.code == 2
    assert f"1 mistake in the spec:\n  {ONE_CYCLE}: is 30 steps, and it has 40" in said.err
    assert cli("list", "--json").document == []


def test_an_error_stands_in_the_document(cli: Cli, here: Path) -> None:
    (here / "spec.yaml").write_text(REFUSED)
    said = cli("validate", "spec.yaml", "--json")
    assert said.code == 2
    assert [problem["path"] for problem in said.document["problems"]] == [ONE_CYCLE]


def test_a_sweep_leaves_out_what_cannot_train_its_model_and_says_so_once(cli: Cli, here: Path) -> None:
    optimizers = "SGD: {lr: 0.1}, SparseAdam: {lr: 0.001}, Muon: {lr: 0.001}"
    text = SPEC.format(optimizers=optimizers, schedulers="none, CosineAnnealingLR: {T_max: 9}")
    (here / "spec.yaml").write_text(text.replace("trials: 4", "trials: 8"))
    said = cli("run", "spec.yaml", "--runner", "inline", "--json")
    assert said.code == 0, said.err
    warnings = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    cosine, sparse = warnings
    assert cosine.startswith(f"warning: {COSINE}: ")
    assert sparse.startswith("warning: optimizers[1].SparseAdam: left out: ")
    assert sparse.endswith("; see `lrsweep catalogue SparseAdam`, or take it out of the list")
    trials = said.document["trials"]
    assert {trial["optimizer"] for trial in trials} == {"SGD", "Muon"}
    assert {trial["outcome"] for trial in trials} == {"COMPLETE"}
    assert [each["path"] for each in said.document["warnings"]] == [COSINE, "optimizers[1].SparseAdam"]
    assert sparse in " ".join(cli("show", "last").out.split())
    exported = cli("export", "last", "--format", "optuna", "-o", here / "study.db")
    assert exported.code == 0, exported.err
    (study,) = optuna.get_all_study_names(f"sqlite:///{here}/study.db")
    for trial in optuna.load_study(study_name=study, storage=f"sqlite:///{here}/study.db").trials:
        assert trial.distributions["optimizer"] == CategoricalDistribution(("SGD", "Muon"))


def test_a_task_that_no_optimizer_can_train_is_refused(cli: Cli, here: Path) -> None:
    (here / "spec.yaml").write_text(SPEC.format(optimizers="SparseAdam: {lr: 0.001}", schedulers="none"))
    said = cli("run", "spec.yaml", "--runner", "inline")
    assert said.code == 2
    assert "no optimizer and scheduler of the sweep can train this task:" in said.err
    assert "SparseAdam: cannot work: " in said.err
    assert "Traceback" not in said.err
