"""Requests made up from the API's own description: none ends in a 5xx, and every answer is as it is described."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.api.app import make_app
from service.records import Status
from service.store import Store
from tests.service.api.conftest import SPEC, fill, settings_of

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [
    *(("GET", f"/{path}") for path in ("health", "ready", "metrics")),
    *(("GET", f"/api/v1/sweeps{rest}") for rest in ("", "/{ref}", "/{ref}/trials", "/{ref}/reports", "/{ref}/events")),
    *(("GET", f"/api/v1/sweeps/{{ref}}/{rest}") for rest in ("range-tests", "picks")),
    *(("GET", f"/api/v1/sweeps/{{ref}}/trials/{{number}}{rest}") for rest in ("", "/curve")),
    *(("POST", f"/api/v1/sweeps{rest}") for rest in ("", "/{ref}/cancel", "/{ref}/retry", "/{ref}/resume")),
]


TAKING = [each for each in OPERATIONS if each[1] not in ("/health", "/ready")]
"""Those that can be given something wrong."""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def fuzzed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """The description of an application whose store holds a sweep of every ending, and the id of one that is over."""
    url = f"sqlite:///{tmp_path_factory.mktemp('fuzz')}/lrsweep.db"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
            admin.execute("CREATE DATABASE fuzz")
        url = f"{server}/fuzz"
    with Store.open(url, upgrade=True) as store:
        for status in (Status.INTERRUPTED, Status.DONE, Status.FAILED):
            fill(store, status=status)
        app = make_app(store, settings_of())
        yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", app), fill(store, status=Status.CANCELLED)


def test_every_operation_is_tried(fuzzed: tuple[Any, str]) -> None:
    found = {(each.ok().method.upper(), each.ok().path) for each in fuzzed[0].get_all_operations()}
    assert found == set(OPERATIONS)


def fuzz(examples: int) -> settings:
    """The same requests in every run, whatever time they take."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize(
    ("mode", "method", "path"),
    [
        *((GenerationMode.POSITIVE, *operation) for operation in OPERATIONS),
        *((GenerationMode.NEGATIVE, *operation) for operation in TAKING),
    ],
)
@fuzz(40)
@given(data=st.data())
def test_nothing_that_can_be_said_breaks_the_api(
    fuzzed: tuple[Any, str], method: str, path: str, mode: GenerationMode, data: st.DataObject
) -> None:
    description, over = fuzzed
    case = data.draw(description[path][method].as_strategy(generation_mode=mode))
    if "{ref}" in path and data.draw(st.booleans()):
        # Nothing made up is found; and what has not ended is followed without end.
        case.path_parameters["ref"] = over
    case.call_and_validate(checks=CHECKS)


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
KEYS = [
    *SPEC,
    "objective",
    "seeds",
    "groups",
    "sampler",
    "early_stopping",
    "seed",
    "workers",
    "lanes",
    "timeout",
    "starts",
]


@fuzz(200)
@given(changed=st.dictionaries(st.sampled_from(KEYS), ANYTHING, min_size=1, max_size=3))
def test_no_spec_breaks_the_api(fuzzed: tuple[Any, str], changed: dict[str, Any]) -> None:
    case = fuzzed[0]["/api/v1/sweeps"]["POST"].Case(body={**SPEC, **changed}, media_type="application/json")
    case.call_and_validate(checks=CHECKS)
