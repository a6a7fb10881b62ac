"""What the database cannot take waits in a file, whole and in order, whatever happens to it."""

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_app.telephony.webhook import spool as module
from crm_app.telephony.webhook.arrivals import Arrival
from crm_app.telephony.webhook.draining import Drainer
from crm_app.telephony.webhook.spool import Spool, SpoolError, Waiting

NOON = datetime(2026, 9, 15, 12, tzinfo=UTC)


def arrival(mark: int, *, is_verified: bool = True) -> Arrival:
    """Make a notification that can be told from others."""
    return Arrival(
        NOON + timedelta(seconds=mark), "127.0.0.1", "", "text/plain", None, b"%d" % mark,
        is_verified,
    )  # fmt: skip


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """An empty spool."""
    return Spool(tmp_path / "spool")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the spool writes."""
    return tmp_path / "spool" / "notifications"


def drained(spool: Spool) -> list[bytes]:
    """Take everything out; give the bodies in their order."""
    found: list[bytes] = []
    Drainer(spool, lambda arrivals: found.extend(each.body for each in arrivals)).drain()
    return found


arrivals = st.builds(
    Arrival,
    received_at=st.datetimes(timezones=st.just(UTC)),
    sender=st.text(),
    token=st.just(""),
    content_type=st.text(),
    signature=st.none() | st.text(),
    body=st.binary(max_size=300),
    is_verified=st.just(True),
)


@given(st.lists(arrivals, min_size=1, max_size=8), st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_what_goes_in_comes_out_byte_for_byte_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, given: list[Arrival], cut: int
) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"))
    for start in range(0, len(given), cut + 1):
        spool.append(given[start : start + cut + 1], "test")
    found: list[Arrival] = []
    Drainer(spool, found.extend).drain()
    assert found == given
    assert not spool.is_in_use()


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_a_line_that_broke_off_costs_nothing_that_was_acknowledged(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool, file = Spool(folder), folder / "notifications"
    spool.append([arrival(1), arrival(2)], "test")
    whole = file.read_bytes()
    torn = data.draw(st.binary(max_size=40) | st.sampled_from([whole[:n] for n in range(1, 60)]))
    torn = torn.replace(b"\n", b"")
    file.write_bytes(whole + torn)
    spool.append([arrival(3)], "test")
    assert drained(spool) == [b"1", b"2", b"3"]
    assert not spool.is_in_use()


def test_a_torn_end_alone_does_not_keep_the_spool_in_use(spool: Spool, file: Path) -> None:
    spool.append([arrival(1)], "test")
    file.write_bytes(file.read_bytes() + b"-0000 5 {")
    assert drained(spool) == [b"1"]
    assert not spool.is_in_use()


@pytest.mark.parametrize("place", [1, 5, 12, 40, -3])
def test_a_spoilt_line_is_passed_over_and_the_others_are_taken(
    spool: Spool, file: Path, place: int
) -> None:
    spool.append([arrival(1)], "test")
    first = file.read_bytes()
    spoilt = bytearray(first)
    spoilt[place] ^= 1
    file.write_bytes(bytes(spoilt))
    spool.append([arrival(2)], "test")
    assert drained(spool) == [b"2"]


def test_it_says_how_much_waits_and_since_when(spool: Spool) -> None:
    assert spool.waiting() == Waiting()
    spool.append([arrival(5), arrival(6)], "test")
    assert spool.waiting() == Waiting(2, NOON + timedelta(seconds=5))
    with spool.emptying() as emptying:
        assert emptying is not None
        emptying.mark(emptying.next(1))
        assert spool.waiting() == Waiting(1, NOON + timedelta(seconds=6))


def test_only_its_owner_can_read_it(spool: Spool, file: Path) -> None:
    spool.append([arrival(1)], "test")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_the_secret_end_of_the_address_is_not_kept_once_it_was_right(
    spool: Spool, file: Path
) -> None:
    one = Arrival(NOON, "", "asecrettail", "", None, b"", is_verified=False)
    spool.append([one], "test")
    assert b"asecrettail" in file.read_bytes()
    file.unlink()
    spool.append([one.verified()], "test")
    assert b"asecrettail" not in file.read_bytes()


def test_what_comes_while_it_is_emptied_is_taken_in_too(spool: Spool) -> None:
    spool.append([arrival(1)], "test")
    found: list[bytes] = []

    def take_in(arrivals: Sequence[Arrival]) -> None:
        found.extend(each.body for each in arrivals)
        if len(found) < 4:
            spool.append([arrival(len(found) + 1)], "test")

    Drainer(spool, take_in).drain()
    assert found == [b"1", b"2", b"3", b"4"]
    assert not spool.is_in_use()


class PowerCut(BaseException):
    """The process is ended here and now."""


@pytest.mark.parametrize("point", ["before it is stored", "before it is marked"])
def test_a_process_that_ends_while_it_empties_leaves_the_rest_to_the_next(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    monkeypatch.setattr("crm_app.telephony.webhook.draining.MOST_AT_ONCE", 2)
    spool.append([arrival(mark) for mark in range(6)], "test")
    stored: list[bytes] = []

    def take_in(arrivals: Sequence[Arrival]) -> None:
        if arrivals[0].body == b"2" and point == "before it is stored":
            raise PowerCut
        stored.extend(each.body for each in arrivals)
        if arrivals[0].body == b"2":
            raise PowerCut

    with pytest.raises(PowerCut):
        Drainer(spool, take_in).drain()
    assert spool.waiting().records == 4
    # Only what was under way comes a second time; facts are unique, so that changes nothing.
    assert drained(spool) == [b"2", b"3", b"4", b"5"]


def test_only_one_process_empties_it_at_a_time(spool: Spool) -> None:
    spool.append([arrival(1)], "test")
    with spool.emptying() as first, spool.emptying() as second:
        assert first is not None
        assert second is None


def test_many_who_append_at_once_lose_nothing(spool: Spool) -> None:
    def write(writer: int) -> None:
        own = Spool(spool._folder)
        for turn in range(20):
            own.append([arrival(writer * 100 + turn)], "test")

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    found = [int(body) for body in drained(spool)]
    assert sorted(found) == [writer * 100 + turn for writer in range(4) for turn in range(20)]
    for writer in range(4):
        assert [mark for mark in found if mark // 100 == writer] == [
            writer * 100 + turn for turn in range(20)
        ]


def test_what_nobody_has_verified_cannot_take_the_room_of_what_is_genuine(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_DOUBTFUL_BYTES", 1_000)
    spool.append([arrival(mark, is_verified=False) for mark in range(5)], "test")
    too_many = [arrival(mark, is_verified=False) for mark in range(5)]
    with pytest.raises(SpoolError, match="full"):
        spool.append(too_many, "test")
    kept = spool.waiting().records
    assert kept == 5
    spool.append([arrival(100)], "test")
    assert spool.waiting().records == kept + 1


def test_a_full_disk_leaves_no_half_line(
    spool: Spool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool.append([arrival(1)], "test")
    before = file.read_bytes()
    write = module.os.write
    monkeypatch.setattr(module.os, "write", lambda to, data: write(to, data[:10]))
    with pytest.raises(SpoolError, match="disk is full"):
        spool.append([arrival(2)], "test")
    monkeypatch.undo()
    assert file.read_bytes() == before


@pytest.fixture
def drainer(spool: Spool) -> Iterator[tuple[Drainer, list[bytes], threading.Event]]:
    """A drainer of a database that is away until the event is set."""
    is_back = threading.Event()
    found: list[bytes] = []

    def take_in(arrivals: Sequence[Arrival]) -> None:
        if not is_back.is_set():
            raise OSError("away")
        found.extend(each.body for each in arrivals)

    yield Drainer(spool, take_in), found, is_back
    is_back.set()


def test_it_goes_on_trying_until_the_database_is_back(
    spool: Spool, drainer: tuple[Drainer, list[bytes], threading.Event]
) -> None:
    emptier, found, is_back = drainer
    spool.append([arrival(1), arrival(2)], "test")
    emptier.wake()
    assert not threading.Event().wait(0.3)
    assert found == []
    is_back.set()
    deadline = threading.Event()
    for _ in range(200):
        if not spool.is_in_use():
            break
        deadline.wait(0.05)
    assert found == [b"1", b"2"]
