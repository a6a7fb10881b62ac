"""A bus of the test's own, so that it can be killed without harm to others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_app.live import bus
from tests.own_bus import OwnBus


@pytest.fixture
def own_bus(tmp_path: Path, bus_url: str) -> Iterator[OwnBus]:
    """A running bus that this process uses until the end of the test."""
    own = OwnBus(tmp_path)
    own.start()
    bus.configure(own.url)
    yield own
    own.stop()
    bus.configure(bus_url)
