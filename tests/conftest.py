"""What every test shares: how Hypothesis looks for examples, and the loops that tests run on."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping

import pytest
import structlog
import uvloop
from hypothesis import HealthCheck, settings

# How long an example takes says more about what else the machine does than about the code: no
# deadline here, since every test has one. CI always plays the same examples, so that a change
# that lands breaks nothing by chance; elsewhere each run plays new ones.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", settings.get_profile("default"), database=None, derandomize=True, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Puts things back that a command sets for its whole process: what is logged, and how."""
    root, uvicorn = logging.getLogger(), logging.getLogger("uvicorn")
    before = root.handlers, root.level, uvicorn.level
    yield
    root.handlers, root.level, uvicorn.level = before
    structlog.reset_defaults()


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Runs a test that is marked so on the standard library's loop and on uvloop's."""
    if item.get_closest_marker("both_loops"):
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}
