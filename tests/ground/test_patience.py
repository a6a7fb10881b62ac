"""How the tests wait for others: until it is so, and not in vain for ever."""

import subprocess
import sys

import pytest

from tests.patience import wait_until


def test_it_gives_what_it_finds_after_nothing_and_nobody() -> None:
    found = iter([0, ConnectionRefusedError("nobody answers"), 7])

    def find() -> int:
        value = next(found)
        if isinstance(value, OSError):
            raise value
        return value

    assert wait_until(find, "a number") == 7


def test_it_says_what_did_not_come() -> None:
    with pytest.raises(AssertionError, match="waited in vain: no number"):
        wait_until(lambda: 0, "no number", seconds=0)
    with pytest.raises(AssertionError, match=r"waited in vain: \[1, 2\]"):
        wait_until(lambda: 0, lambda: [1, 2], seconds=0)


def test_it_waits_no_longer_for_a_process_that_has_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(60)
    with pytest.raises(AssertionError, match="ended: the page"):
        wait_until(lambda: False, "the page", seconds=3600, process=process)
    # What it left behind is found all the same.
    assert wait_until(lambda: True, "its word", process=process)
