"""What all tests of the documentation share."""

from collections.abc import Iterator

import pytest

from tests.service.cli.conftest import users_modules_forgotten


@pytest.fixture(autouse=True)
def no_task_of_a_page_stays_loaded() -> Iterator[None]:
    """The documentation's tasks have the names that other tests' tasks have."""
    with users_modules_forgotten():
        yield
