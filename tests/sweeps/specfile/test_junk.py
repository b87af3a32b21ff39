"""Whatever a spec holds, it is refused in words or survives the store."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.errors import SpecError
from sweeps.specfile import parse_spec

GOOD = {"task": "digits", "budget": {"epochs": 20}, "optimizers": ["SGD"], "trials": 4}

WORDS = [
    *("name", "task", "use", "budget", "epochs", "steps", "objective", "metric", "seeds", "optimizers", "schedulers"),
    *("groups", "parameters", "lr_multiplier", "from_epoch", "scheduler", "warmup"),
    *("sampler", "pruner", "trials", "seed", "workers", "count", "timeout", "range_test", "starts", "early_stopping"),
    *("SGD", "AdamW", "MultiStepLR", "lr", "low", "high", "log", "momentum", "nesterov", "betas", "milestones", "none"),
    *("SequentialLR", "torch.optim:SGD", "digits", "grid", "cma-es", "optimizer", "StepLR.gamma", "10m", "a b"),
    *("\ud800", "\0"),
]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), st.sampled_from(WORDS), st.text(max_size=5)
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), SCALARS), inner, max_size=3),
    ),
    max_leaves=12,
)
KEYS = st.sampled_from([*GOOD, *WORDS[:28]])
INSIDE = [
    ("optimizers", "SGD"),
    ("optimizers", "torch.optim:SGD"),
    ("schedulers", "SequentialLR"),
    ("groups", "scheduler"),
    ("groups", "momentum"),
]


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, JUNK, max_size=6))
def test_junk_raises_nothing_but_spec_errors(junk: dict[str, Any]) -> None:
    inner = (
        {section: [{name: value}]} if section != "groups" else {"groups": {"a": {"parameters": "b", name: value}}}
        for value in junk.values()
        for section, name in INSIDE
    )
    for raw in (junk, GOOD | junk, *(GOOD | each for each in inner)):
        try:
            spec = parse_spec(raw)
        except SpecError as error:
            str(error).encode()
        else:
            assert parse_spec(json.loads(json.dumps(raw, allow_nan=False))) == spec
