"""What becomes of a module's sleep while the time is frozen."""

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest


def sleep_by(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, sleep: Callable[[float], object]
) -> None:
    """Let a module sleep in another way, and only that module.

    A thread of an earlier test that still sleeps would move the frozen time by hours.
    """
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=sleep))
