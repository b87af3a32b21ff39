"""Small records to fill stores with."""

import pytest

from tests.service.store.conftest import Make


@pytest.fixture
def make() -> Make:
    return Make()
