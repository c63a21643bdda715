"""Each shipped recipe in turn."""

import pytest

from tests.unit.recipe.shipped import SHIPPED


@pytest.fixture(params=SHIPPED.values(), ids=SHIPPED.keys(), scope="module")
def shipped(request):
    return request.param
