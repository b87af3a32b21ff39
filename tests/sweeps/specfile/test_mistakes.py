"""Every mistake that a spec can hold is refused at its place, and all of them together."""

from collections.abc import Callable
from typing import Any

import pytest

from sweeps.errors import Problem, SpecError
from sweeps.specfile import parse_spec

Read = Callable[[str], dict[str, Any]]

GOOD = {"task": "digits", "budget": {"epochs": 20}, "optimizers": ["SGD"], "trials": 4}


def problems(raw: Any) -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        parse_spec(raw)
    return caught.value.problems


# A fragment laid over GOOD, the path of its one mistake, words of its message.
BAD = [
    # Keys and sections
    ("tsak: digits", "tsak", "unknown key 'tsak'; did you mean 'task'?"),
    ("1: digits", "", "names must be text, got 1"),
    ("task: null", "task", "missing: give a built-in task"),
    ("budget: null", "budget", "missing: give {epochs: 20} or {steps: 2000}"),
    ("optimizers: null", "optimizers", "missing: give [SGD, AdamW]"),
    ("trials: null", "trials", "missing: how many configurations"),
    ("name: two words", "name", "got 'two words'"),
    ("name: -x", "name", "begin with a letter"),
    ("name: 3", "name", "got 3"),
    # Task
    ("task: digit", "task", "unknown task 'digit'; did you mean 'digits'?"),
    ("task: [digits]", "task", "must be a built-in task"),
    ("task: {hidden: [3]}", "task.use", "got nothing"),
    ("task: {use: nowhere.py:Task}", "task.use", "no task file at"),
    ("task: {use: digits, hiden: [3]}", "task.hiden", "unknown argument 'hiden'; did you mean 'hidden'?"),
    ("task: {use: digits, batch_size: .nan}", "task.batch_size", "a finite number"),
    ('task: {use: digits, batch_size: "\\0"}', "task.batch_size", "must be text"),
    (f"task: {{use: digits, hidden: {'[' * 21 + ']' * 21}}}", "task.hidden" + "[0]" * 19, "more than 20 levels deep"),
    ("task: {use: digits, hidden: [{1: 2}]}", "task.hidden[0]", "names must be text, got 1"),
    # Budget, objective, seeds
    ("budget: 20", "budget", "must be a mapping of epochs, steps, got 20"),
    ("budget: {}", "budget", "exactly one of epochs and steps, got neither"),
    ("budget: {epochs: 2, steps: 9}", "budget", "exactly one of epochs and steps, got both"),
    ("budget: {epochs: 0}", "budget.epochs", "a whole number with 1 <= value, got 0"),
    ("budget: {epochs: 1.5}", "budget.epochs", "got 1.5"),
    ("budget: {epochs: true}", "budget.epochs", "got true"),
    ("budget: {steps: '9'}", "budget.steps", "got '9'"),
    ("budget: {epoch: 9, steps: 3}", "budget.epoch", "did you mean 'epochs'?"),
    ("objective: 3", "objective", "must be the name of a metric"),
    ("objective: {metric: ''}", "objective.metric", "must be the name of a metric"),
    ("objective: {direction: up}", "objective.direction", "choose one of: minimize, maximize"),
    ("objective: {value: first}", "objective.value", "choose one of: last, best"),
    ("objective: {goal: min}", "objective.goal", "unknown key 'goal'"),
    ("seeds: 0", "seeds", "or a list of distinct seeds, got 0"),
    ("seeds: 1000000000000", "seeds", "1 <= value <= 1000"),
    ("seeds: []", "seeds", "the list is empty"),
    ("seeds: [1, 1]", "seeds[1]", "stands in the list twice"),
    ("seeds: [0, -1]", "seeds[1]", "0 <= value <= 4294967295, got -1"),
    ("seed: -1", "seed", "got -1"),
    # Optimizers
    ("optimizers: []", "optimizers", "the list is empty"),
    ("optimizers: SGD", "optimizers", "must be a list, such as [SGD, Adam, AdamW], got 'SGD'"),
    ("optimizers: [adamx]", "optimizers[0]", "unknown optimizer 'adamx'; did you mean 'Adamax'?"),
    ("optimizers: [3]", "optimizers[0]", "must be one optimizer's name, or {name: settings}"),
    ("optimizers: [{}]", "optimizers[0]", "must be one optimizer's name, or {name: settings}"),
    ("optimizers: [SGD, SGD]", "optimizers[1]", "SGD is listed already at optimizers[0].SGD"),
    ("optimizers: [{SGD: null, lr: 0.1}]", "optimizers[0]", "one optimizer an entry, got SGD, lr"),
    ("optimizers: [{SGD: 0.1}]", "optimizers[0].SGD", "must be a mapping of lr, momentum"),
    ("optimizers: [{SGD: {beta: 1}}]", "optimizers[0].SGD.beta", "unknown SGD hyperparameter 'beta'"),
    ("optimizers: [{AdamW: {weight_deacy: 1}}]", "optimizers[0].AdamW.weight_deacy", "did you mean 'weight_decay'?"),
    ("optimizers: [nowhere.opt:Lion]", "optimizers[0]", "no module 'nowhere.opt', looked in"),
    ("optimizers: [nowhere.py:Lion]", "optimizers[0]", "no optimizer file at"),
    ("optimizers: [workers.mine:Lion]", "optimizers[0]", "optimizer reference 'workers.mine:Lion': 'workers' is a"),
    ("optimizers: [nowhere.opt.Lion]", "optimizers[0]", "or give a class of your own as 'module:Class'"),
    ("optimizers: [{torch.optim:SGD: {a-b: 1}}]", "optimizers[0].torch.optim:SGD.a-b", "hyperparameter 'a-b'"),
    ("optimizers: [{torch.optim:SGD: {a: {low: 1, high: x}}}]", "optimizers[0].torch.optim:SGD.a.high", "got 'x'"),
    ("optimizers: [{torch.optim:SGD: {a: [1, null]}}]", "optimizers[0].torch.optim:SGD.a[1]", "got nothing"),
    ("optimizers: [{torch.optim:SGD: {lr: 0}}]", "optimizers[0].torch.optim:SGD.lr", "0 < value, got 0"),
    ("optimizers: [{Adam: {beta1: 0.9, betas: [0.9, 0.9]}}]", "optimizers[0].Adam", "betas and beta1 say the same"),
    (
        "optimizers: [{SGD: {momentum: 0.9, one_minus_momentum: 0.1}}]",
        "optimizers[0].SGD",
        "momentum and one_minus_momentum say the same; give one of them",
    ),
    ("optimizers: [{Adam: {one_minus_beta2: 0}}]", "optimizers[0].Adam.one_minus_beta2", "0 < value <= 1, got 0"),
    # Learning rates
    ("optimizers: [{SGD: {lr: 0}}]", "optimizers[0].SGD.lr", "a number with 0 < value, got 0"),
    ("optimizers: [{SGD: {lr: -0.1}}]", "optimizers[0].SGD.lr", "got -0.1"),
    ("optimizers: [{SGD: {lr: .nan}}]", "optimizers[0].SGD.lr", "got nan"),
    ("optimizers: [{SGD: {lr: .inf}}]", "optimizers[0].SGD.lr", "got inf"),
    (
        "optimizers: [{SGD: {lr: null}}]",
        "optimizers[0].SGD.lr",
        "a list of them, or {low: ..., high: ...}, got nothing",
    ),
    ("optimizers: [{SGD: {lr: big}}]", "optimizers[0].SGD.lr", "a list of them, or {low: ..., high: ...}, got 'big'"),
    ("optimizers: [{SGD: {lr: [0.1, 0]}}]", "optimizers[0].SGD.lr[1]", "got 0"),
    ("optimizers: [{SGD: {lr: {low: 0, high: 1}}}]", "optimizers[0].SGD.lr.low", "0 < value, got 0"),
    ("optimizers: [{SGD: {lr: {low: 1, high: .nan}}}]", "optimizers[0].SGD.lr.high", "got nan"),
    ("optimizers: [{SGD: {lr: {low: 1, high: 2, log: false}}}]", "optimizers[0].SGD.lr.log", "always logarithmic"),
    # Domains
    ("optimizers: [{SGD: {lr: {low: 1, high: 1}}}]", "optimizers[0].SGD.lr", "empty range: low 1 must be below high 1"),
    ("optimizers: [{SGD: {lr: {low: 1, high: 0.1}}}]", "optimizers[0].SGD.lr", "empty range"),
    ("optimizers: [{SGD: {lr: {low: 1}}}]", "optimizers[0].SGD.lr.high", "missing: a range needs low and high"),
    ("optimizers: [{SGD: {lr: {low: 1, high: 2, logg: true}}}]", "optimizers[0].SGD.lr.logg", "did you mean 'log'?"),
    ("optimizers: [{SGD: {lr: []}}]", "optimizers[0].SGD.lr", "the list is empty"),
    ("optimizers: [{SGD: {lr: [0.1, 1e-1]}}]", "optimizers[0].SGD.lr[1]", "0.1 stands in the list twice"),
    ("optimizers: [{SGD: {momentum: 1}}]", "optimizers[0].SGD.momentum", "0 <= value < 1, got 1"),
    ("optimizers: [{SGD: {momentum: [0, 1]}}]", "optimizers[0].SGD.momentum[1]", "0 <= value < 1, got 1"),
    ("optimizers: [{SGD: {momentum: {low: 0, high: 1}}}]", "optimizers[0].SGD.momentum.high", "value < 1, got 1"),
    ("optimizers: [{Adam: {eps: {low: 0, high: 1, log: true}}}]", "optimizers[0].Adam.eps.low", "needs low > 0"),
    ("optimizers: [{Adam: {eps: {low: 0, high: 1, log: 1}}}]", "optimizers[0].Adam.eps.log", "true or false, got 1"),
    ("optimizers: [{Adam: {amsgrad: 1}}]", "optimizers[0].Adam.amsgrad", "must be true or false, got 1"),
    ("optimizers: [{Adam: {amsgrad: {low: 0, high: 1}}}]", "optimizers[0].Adam.amsgrad", "it has no range"),
    ("optimizers: [{Adam: {betas: 0.9}}]", "optimizers[0].Adam.betas", "two numbers, each with 0 <= value < 1"),
    ("optimizers: [{Adam: {betas: [0.9, 1]}}]", "optimizers[0].Adam.betas", "got [0.9, 1]"),
    ("optimizers: [{Adam: {betas: [[0.9, 0.99], [0.9]]}}]", "optimizers[0].Adam.betas[1]", "two numbers"),
    ("optimizers: [{Adam: {betas: []}}]", "optimizers[0].Adam.betas", "the list is empty"),
    # Schedulers
    ("schedulers: [StepRL]", "schedulers[0]", "unknown scheduler 'StepRL'; did you mean 'StepLR'?"),
    ("schedulers: [none, none]", "schedulers[1]", "none is listed already"),
    (
        "schedulers: [{none: {gamma: 1}}]",
        "schedulers[0].none.gamma",
        "unknown none hyperparameter 'gamma'; choose one of: warmup, warmup_factor",
    ),
    ("schedulers: [{StepLR: {gamma: 0}}]", "schedulers[0].StepLR.gamma", "0 < value, got 0"),
    ("schedulers: [{StepLR: {step_size: 0.5}}]", "schedulers[0].StepLR.step_size", "a whole number"),
    ("schedulers: [{StepLR: {step_size: {low: 1.5, high: 3}}}]", "schedulers[0].StepLR.step_size.low", "got 1.5"),
    (
        "schedulers: [{ReduceLROnPlateau: {threshold_mode: ab}}]",
        "schedulers[0].ReduceLROnPlateau.threshold_mode",
        "'abs'",
    ),
    (
        "schedulers: [{MultiStepLR: {milestones: [9, 3]}}]",
        "schedulers[0].MultiStepLR.milestones",
        "than the one before",
    ),
    (
        "schedulers: [{MultiStepLR: {milestones: [3, 3]}}]",
        "schedulers[0].MultiStepLR.milestones",
        "than the one before",
    ),
    ("schedulers: [{MultiStepLR: {milestones: [0, 3]}}]", "schedulers[0].MultiStepLR.milestones", "from 1"),
    ("schedulers: [{MultiStepLR: {milestones: [3, 20]}}]", "schedulers[0].MultiStepLR.milestones", "20 never happens"),
    ("schedulers: [{MultiStepLR: {milestones: [[3], [30, 40]]}}]", "schedulers[0].MultiStepLR.milestones[1]", "30, 40"),
    ("schedulers: [{StepLR: {last_epoch: 3}}]", "schedulers[0].StepLR.last_epoch", "leave it out"),
    ("schedulers: [{OneCycleLR: {max_lr: 3}}]", "schedulers[0].OneCycleLR.max_lr", "is the trial's initial LR"),
    ("schedulers: [{LambdaLR: {lr_lambda: nowhere:half}}]", "schedulers[0].LambdaLR.lr_lambda", "no module 'nowhere'"),
    ("schedulers: [{LambdaLR: {lr_lambda: [[no.py:f, '1']]}}]", "schedulers[0].LambdaLR.lr_lambda", "no function file"),
    (
        "schedulers: [{StepLR: {warmup_factor: 0.1}}]",
        "schedulers[0].StepLR.warmup_factor",
        "a warm-up begins, and there is none; give warmup, its epochs",
    ),
    ("schedulers: [{StepLR: {warmup: 0}}]", "schedulers[0].StepLR.warmup", "0 < value, got 0"),
    ("schedulers: [{StepLR: {warmup: [3, 20]}}]", "schedulers[0].StepLR.warmup", "nothing of a budget of 20"),
    ("schedulers: [{none: {warmup: {low: 1, high: 30}}}]", "schedulers[0].none.warmup", "a warm-up of 30 epochs"),
    # Nested schedulers
    ("schedulers: [ChainedScheduler]", "schedulers[0].ChainedScheduler.schedulers", "missing: give [{LinearLR"),
    (
        "schedulers: [{SequentialLR: {schedulers: [StepLR, StepLR]}}]",
        "schedulers[0].SequentialLR.milestones",
        "missing: give [5]",
    ),
    (
        "schedulers: [{SequentialLR: {schedulers: [StepLR], milestones: [5]}}]",
        "schedulers[0].SequentialLR.schedulers",
        "needs at least 2 schedulers, one after another, got 1",
    ),
    ("schedulers: [{ChainedScheduler: {schedulers: []}}]", "schedulers[0].ChainedScheduler.schedulers", "is empty"),
    (
        "schedulers: [{SequentialLR: {schedulers: [ConstantLR, StepLR, StepLR], milestones: [5]}}]",
        "schedulers[0].SequentialLR.milestones",
        "3 schedulers take over from each other at 2 milestones, got 1",
    ),
    (
        "schedulers: [{SequentialLR: {schedulers: [ConstantLR, StepLR], milestones: [[5], [2, 6]]}}]",
        "schedulers[0].SequentialLR.milestones[1]",
        "got 2",
    ),
    (
        "schedulers: [{SequentialLR: {schedulers: [ConstantLR, StepLR], milestones: [20]}}]",
        "schedulers[0].SequentialLR.milestones",
        "milestone 20 never happens within 20 epochs",
    ),
    (
        "{budget: {steps: 9}, schedulers: [{SequentialLR: {schedulers: [OneCycleLR, StepLR], milestones: [9]}}]}",
        "schedulers[0].SequentialLR.milestones",
        "milestone 9 never happens within 9 steps",
    ),
    (
        "schedulers: [{ChainedScheduler: {schedulers: [ReduceLROnPlateau]}}]",
        "schedulers[0].ChainedScheduler.schedulers[0]",
        "waits for a metric",
    ),
    (
        "schedulers: [{ChainedScheduler: {schedulers: [ConstantLR, none]}}]",
        "schedulers[0].ChainedScheduler.schedulers[1]",
        "give ConstantLR with factor 1",
    ),
    (
        "schedulers: [{ChainedScheduler: {schedulers: [{StepLR: {warmup: 2}}]}}]",
        "schedulers[0].ChainedScheduler.schedulers[0].StepLR.warmup",
        "no warm-up of their own",
    ),
    (
        "schedulers: [{ChainedScheduler: {schedulers: [{ChainedScheduler: {schedulers: [StepRL]}}]}}]",
        "schedulers[0].ChainedScheduler.schedulers[0].ChainedScheduler.schedulers[0]",
        "did you mean 'StepLR'?",
    ),
    (
        "schedulers: [{ChainedScheduler: {schedulers: [{StepLR: {gamma: [0.1, 0]}}]}}]",
        "schedulers[0].ChainedScheduler.schedulers[0].StepLR.gamma[1]",
        "got 0",
    ),
    (
        "schedulers: [{ChainedScheduler: {schedulers: [StepLR]}}, {ChainedScheduler: {schedulers: [ConstantLR]}}]",
        "schedulers[1]",
        "two of them with other parts take two sweeps",
    ),
    # Parameter groups
    ("groups: [head]", "groups", "must be a mapping of names, such as {head:"),
    ("groups: {head: 10}", "groups.head", "must be a mapping"),
    ("groups: {head: {lr_multiplier: 10}}", "groups.head.parameters", "missing: give a pattern"),
    ("groups: {head: {parameters: []}}", "groups.head.parameters", "the list is empty"),
    ("groups: {head: {parameters: [a, 3]}}", "groups.head.parameters[1]", "got 3"),
    ("groups: {a.b: {parameters: a}}", "groups.a.b", "letters, digits, - and _, got 'a.b'"),
    ("groups: {3: {parameters: a}}", "groups", "letters, digits, - and _, got 3"),
    ("groups: {rest: {parameters: a}}", "groups.rest", "the group of all that no other group names"),
    ("groups: {momentum: {parameters: a}}", "groups.momentum", "means something else already"),
    ("groups: {head: {parameters: a, lr_multiplier: 0}}", "groups.head.lr_multiplier", "0 < value, got 0"),
    ("groups: {head: {parameters: a, lr: 0.1}}", "groups.head.lr", "a group has no LR of its own; give lr_multiplier"),
    ("groups: {head: {parameters: a, eps: 1}}", "groups.head.eps", "unknown setting of a group 'eps'"),
    ("groups: {head: {parameters: a, momentum: 1}}", "groups.head.momentum", "value < 1, got 1"),
    (
        "groups: {head: {parameters: a, momentum: 0.9, one_minus_momentum: 0.1}}",
        "groups.head",
        "momentum and one_minus_momentum say the same",
    ),
    (
        "{optimizers: [Adam, Adafactor], groups: {head: {parameters: a, eps: 1e-8}}}",
        "groups.head.eps",
        "for Adafactor it must be two numbers",
    ),
    ("groups: {head: {parameters: a, from_epoch: -1}}", "groups.head.from_epoch", "0 <= value, got -1"),
    ("groups: {head: {parameters: a, from_epoch: 20}}", "groups.head.from_epoch", "never begins within 20 epochs"),
    ("groups: {head: {parameters: a, scheduler: StepRL}}", "groups.head.scheduler", "did you mean 'StepLR'?"),
    (
        "groups: {head: {parameters: a, scheduler: {StepLR: {gamma: [0.1, 0.2]}}}}",
        "groups.head.scheduler.StepLR.gamma",
        "the schedule of a group is not searched",
    ),
    (
        "groups: {head: {parameters: a, scheduler: {StepLR: {warmup: 20}}}}",
        "groups.head.scheduler.StepLR.warmup",
        "nothing of a budget of 20",
    ),
    # Sampler, pruner and the like
    ("sampler: bayes", "sampler", "unknown sampler 'bayes'; choose one of: tpe"),
    ("sampler: {name: gird}", "sampler.name", "unknown sampler 'gird'; did you mean 'grid'?"),
    ("sampler: {window: 4}", "sampler.name", "missing: must be one of: tpe"),
    ("sampler: {name: tpe, windw: 4}", "sampler.windw", "did you mean 'window'?"),
    ("sampler: {name: tpe, startup_trials: 0}", "sampler.startup_trials", "got 0"),
    ("sampler: {name: tpe, window: 1}", "sampler.window", "at least workers.count, 2"),
    ("sampler: [tpe]", "sampler", "or a mapping of name, startup_trials, window, got ['tpe']"),
    ("pruner: ahsa", "pruner", "unknown pruner 'ahsa'; did you mean 'asha'?"),
    ("pruner: {name: asha, reduction_factor: 1}", "pruner.reduction_factor", "2 <= value, got 1"),
    ("pruner: {name: asha, first_rung: 20}", "pruner.first_rung", "below the budget of 20 epochs"),
    ("pruner: {name: median, first_rung: 0}", "pruner.first_rung", "got 0"),
    ("early_stopping: {}", "early_stopping.patience", "missing"),
    ("early_stopping: {patience: 0}", "early_stopping.patience", "got 0"),
    ("early_stopping: {patience: 3, min_delta: -1}", "early_stopping.min_delta", "0 <= value, got -1"),
    ("range_test: {steps: 0}", "range_test.steps", "got 0"),
    ("range_test: {seeds: 0}", "range_test.seeds", "got 0"),
    ("range_test: on", "range_test", "must be a mapping of steps, seeds, growth, group"),
    ("range_test: {growth: cubic}", "range_test.growth", "unknown growth 'cubic'; choose one of: exponential, linear"),
    ("range_test: {group: head}", "range_test.group", "unknown group 'head'; choose one of: rest"),
    (
        "{groups: {head: {parameters: fc, from_epoch: 2}}, range_test: {group: head}}",
        "range_test.group",
        "head is frozen until epoch 2, and a range test ends before",
    ),
    ("range_test: off", "optimizers[0].SGD.lr", "missing, and range_test is off: give lr"),
    ("trials: -1", "trials", "got -1"),
    ("{trials: 0, range_test: off, optimizers: [{SGD: {lr: {low: 0.1, high: 1}}}]}", "trials", "range_test is off"),
    ("{trials: 0, optimizers: [{SGD: {lr: [0.1, 0.2]}}]}", "trials", "all LRs are listed: leave lr out"),
    ("trials: 99999999999999999999", "trials", "got a number too large to hold"),
    ("trials: [[1]]", "trials", "got [[...]]"),
    ("workers: 0", "workers", "got 0"),
    ("workers: {cpus: 0}", "workers.cpus", "0 < value, got 0"),
    ("workers: {gpus: 1.5}", "workers.gpus", "a fraction up to 1 or a whole number"),
    ("timeout: 0", "timeout", "seconds above 0"),
    ("timeout: soon", "timeout", "got 'soon'"),
    ("timeout: .inf", "timeout", "got inf"),
    # Combinations
    ("optimizers: [{SGD: {nesterov: true}}]", "optimizers[0].SGD.nesterov", "0.9, 0.0 by default"),
    ("optimizers: [{SGD: {nesterov: [true, false], momentum: [0, 0.9]}}]", "optimizers[0].SGD.nesterov", "above 0"),
    ("optimizers: [{SGD: {nesterov: true, momentum: {low: 0, high: 0.9}}}]", "optimizers[0].SGD.nesterov", "0 .. 0.9"),
    (
        "optimizers: [{SGD: {nesterov: true, momentum: 0.9, dampening: [0, 0.1]}}]",
        "optimizers[0].SGD.nesterov",
        "needs dampening 0",
    ),
    (
        "optimizers: [{SGD: {nesterov: true, one_minus_momentum: {low: 0.01, high: 1, log: true}}}]",
        "optimizers[0].SGD.nesterov",
        "it is 1 minus 0.01 .. 1",
    ),
    (
        "{sampler: grid, optimizers: [{SGD: {lr: 1}}], groups: {a: {parameters: a, lr_multiplier: {low: 1, high: 9}}}}",
        "groups.a.lr_multiplier",
        "the grid sampler cannot list a range",
    ),
    (
        "{sampler: grid, optimizers: [{SGD: {lr: 1}}], schedulers: "
        "[{ChainedScheduler: {schedulers: [{StepLR: {gamma: {low: 0.1, high: 1}}}]}}]}",
        "schedulers[0].ChainedScheduler.schedulers[0].StepLR.gamma",
        "the grid sampler cannot list a range",
    ),
    ("sampler: grid", "optimizers[0].SGD.lr", "missing: the grid sampler needs its LRs"),
    (
        "{sampler: grid, optimizers: [{SGD: {lr: {low: 0.1, high: 1}}}]}",
        "optimizers[0].SGD.lr",
        "the grid sampler cannot list a range",
    ),
    (
        "{sampler: grid, optimizers: [{SGD: {lr: 1}}], schedulers: [{StepLR: {gamma: {low: 0.1, high: 1}}}]}",
        "schedulers[0].StepLR.gamma",
        "the grid sampler cannot list a range",
    ),
    ("{sampler: grid, optimizers: [{SGD: {lr: 1}}], trials: 3}", "trials", "at most the grid's 2 points, got 3"),
    ("{sampler: cma-es, optimizers: [AdamW, Adam]}", "sampler", "exactly one optimizer, got 2"),
    ("{sampler: cma-es, optimizers: [AdamW], schedulers: [none, StepLR]}", "sampler", "exactly one scheduler, got 2"),
    ("{sampler: cma-es}", "sampler", "at least two ranges {low: ..., high: ...} to search, got 1"),
    # Starting points
    ("starts: {optimizer: SGD}", "starts", "must be a list"),
    ("starts: [SGD]", "starts[0]", "must be a mapping, such as {optimizer: SGD, lr: 0.1}"),
    ("starts: [{lr: 0.1}]", "starts[0].optimizer", "must be one of the optimizers that the sweep lists"),
    ("starts: [{optimizer: SGD}]", "starts[0].lr", "got nothing"),
    ("starts: [{optimizer: SGD, lr: 0}]", "starts[0].lr", "0 < value, got 0"),
    ("starts: [{optimizer: Adam, lr: 1}]", "starts[0].optimizer", "unknown optimizer of this sweep 'Adam'"),
    ("starts: [{optimizer: SGD, scheduler: StepLR, lr: 1}]", "starts[0].scheduler", "choose one of: none"),
    ("starts: [{optimizer: SGD, lr: 1, momentun: 0}]", "starts[0].momentun", "did you mean 'momentum'?"),
    ("starts: [{optimizer: SGD, lr: 1, momentum: 2}]", "starts[0].momentum", "value < 1, got 2"),
    ("starts: [{optimizer: SGD, lr: 1, momentum: 0.5}]", "starts[0].momentum", "outside optimizers[0].SGD.momentum"),
    ("starts: [{optimizer: SGD, lr: 1, momentum: 0, SGD.momentum: 0}]", "starts[0].SGD.momentum", "given twice"),
    ("{optimizers: [{SGD: {lr: 2}}], starts: [{optimizer: SGD, lr: 1}]}", "starts[0].lr", "optimizers[0].SGD.lr: 2.0"),
    ("starts: [{optimizer: SGD, lr: 1, weight_decay: 1}]", "starts[0].weight_decay", "is not searched by this sweep"),
    (
        "{optimizers: [{SGD: {lr: {low: 0.01, high: 0.1}}}], starts: [{optimizer: SGD, lr: 1}]}",
        "starts[0].lr",
        "1 lies outside optimizers[0].SGD.lr: 0.01 .. 0.1",
    ),
    (
        "{groups: {a: {parameters: a, lr_multiplier: [1, 10]}}, starts: [{optimizer: SGD, lr: 1, a.lr_multiplier: 5}]}",
        "starts[0].a.lr_multiplier",
        "5 lies outside groups.a.lr_multiplier: 1.0, 10.0",
    ),
    (
        "{groups: {a: {parameters: a}}, starts: [{optimizer: SGD, lr: 1, a.lr_multiplier: 1, SGD.a.lr_multiplier: 1}]}",
        "starts[0].SGD.a.lr_multiplier",
        "given twice",
    ),
    (
        "{schedulers: [{ChainedScheduler: {schedulers: [{StepLR: {gamma: [0.1, 0.2]}}]}}], "
        "starts: [{optimizer: SGD, scheduler: ChainedScheduler, lr: 1, ChainedScheduler.0.gamma: 0.3}]}",
        "starts[0].ChainedScheduler.0.gamma",
        "outside schedulers[0].ChainedScheduler.schedulers[0].StepLR.gamma: 0.1, 0.2",
    ),
    # The folk grid, stability
    ("folk_grid: 3", "folk_grid", "true or false"),
    (
        "{folk_grid: true, trials: 3}",
        "folk_grid",
        "takes 3 trials, 3 for each optimizer and scheduler, and trials are 3",
    ),
    (
        "{folk_grid: true, trials: 4, starts: [{optimizer: SGD, lr: 1}]}",
        "folk_grid",
        "give at least 5, or drop folk_grid",
    ),
    (
        "{folk_grid: true, sampler: grid, optimizers: [{SGD: {lr: [0.1]}}], trials: null}",
        "folk_grid",
        "the grid sampler tries its own points only",
    ),
    ("stability: some", "stability", "choose one of: best, all, off"),
    ("stability: 2", "stability", "got 2"),
    (
        "{trials: 1, starts: [{optimizer: SGD, lr: 1}, {optimizer: SGD, lr: 2}]}",
        "trials",
        "room for all 2 starts, got 1",
    ),
]


@pytest.mark.parametrize(("fragment", "path", "words"), BAD, ids=[fragment for fragment, _, _ in BAD])
def test_each_mistake_is_refused_at_its_place(read: Read, fragment: str, path: str, words: str) -> None:
    found = problems(GOOD | read(fragment))
    assert [problem.path for problem in found] == [path]
    assert words in found[0].message


def test_all_mistakes_come_together_in_the_order_of_the_file(read: Read) -> None:
    raw = read(
        """
        trials: -1
        optimizers: [{SGD: {lr: 0, nesterov: true}}, AdmW]
        nmae: x
        budget: {epochs: 5}
        pruner: {name: asha, first_rung: 9, reduction_factor: 1}
        schedulers: [{MultiStepLR: {milestones: [2, 7]}}]
        """,
    )
    assert [problem.path for problem in problems(raw)] == [
        "trials",
        "optimizers[0].SGD.lr",
        "optimizers[0].SGD.nesterov",
        "optimizers[1]",
        "nmae",
        "pruner.first_rung",
        "pruner.reduction_factor",
        "schedulers[0].MultiStepLR.milestones",
        "task",
    ]


def test_a_misspelt_name_is_not_blamed_twice() -> None:
    raw = GOOD | {"optimizers": ["AdmW"], "starts": [{"optimizer": "AdamW", "lr": 0.1}]}
    assert [problem.path for problem in problems(raw)] == ["optimizers[0]"]


@pytest.mark.parametrize("raw", [None, 3, "digits", ["task"]])
def test_what_is_no_mapping_is_refused(raw: object) -> None:
    assert [problem.path for problem in problems(raw)] == [""]
