"""One subscription feeds all streams of a process; nothing is lost and nobody hears another."""

import queue
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from crm_app.live import bus, services
from crm_app.live import hub as hub_module
from crm_app.live.hub import MOST_STREAMS, Hub, Listener
from crm_app.live.messages import OFFICE, channel_of, missed, parse_id, publish
from crm_app.live.stream import BEAT, Stream, render
from tests.own_bus import OwnBus
from tests.patience import wait_until

PATIENCE_SECONDS = 30


@pytest.fixture
def hub(own_bus: OwnBus) -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.stop()
    # It ends with the next thing that it hears, or would tell the next test that the bus is lost.
    services.close(0)
    if hub._thread is not None:
        hub._thread.join(PATIENCE_SECONDS)


def listening(hub: Hub, user_id: int) -> Listener:
    """Add a listener for a user to a hub that is ready."""
    assert hub.is_ready(PATIENCE_SECONDS)
    listener = Listener(channel_of(user_id))
    hub.add(listener)
    return listener


def heard(listener: Listener) -> str:
    """Wait for the next message of a listener."""
    item = listener.queue.get(timeout=PATIENCE_SECONDS)
    return "" if item is None else item[2]


def test_it_gives_a_message_to_all_streams_of_its_users_and_to_nobody_else(
    hub: Hub, own_bus: OwnBus
) -> None:
    bob, bob_again, carol, dora = (listening(hub, user_id) for user_id in (2, 2, 3, 4))

    services.tell([2, 4], {"call": 42})

    assert heard(bob) == heard(bob_again) == heard(dora) == '{"call":42}'
    assert carol.queue.empty()


def test_it_holds_one_bus_connection_for_any_number_of_streams(hub: Hub, own_bus: OwnBus) -> None:
    listening(hub, 1)
    before = len(bus.client().client_list())
    for user_id in range(2, 300):
        listening(hub, user_id)
    assert len(hub) == 299
    assert len(bus.client().client_list()) == before


def test_it_ends_the_oldest_of_a_users_streams_when_there_are_more_than_ten(
    hub: Hub, own_bus: OwnBus
) -> None:
    carol = listening(hub, 3)
    streams = [listening(hub, 2) for _ in range(MOST_STREAMS + 2)]
    assert [stream.is_dropped for stream in streams] == [True, True] + [False] * MOST_STREAMS
    assert (len(hub), carol.is_dropped) == (MOST_STREAMS + 1, False)
    services.tell([2], {"call": 42})
    assert heard(streams[0]) == heard(streams[1]) == ""
    assert {heard(stream) for stream in streams[2:]} == {'{"call":42}'}


def test_it_replays_what_came_after_the_last_number_in_order(own_bus: OwnBus) -> None:
    for number in range(5):
        services.tell([7], {"call": number})
    everything = missed(bus.client(), channel_of(7), (0, 0))
    second = parse_id(everything[1][0])
    assert second is not None

    later = missed(bus.client(), channel_of(7), second)

    assert [text for _, text in later] == ['{"call":2}', '{"call":3}', '{"call":4}']
    assert missed(bus.client(), channel_of(8), (0, 0)) == []


def test_it_passes_on_nothing_that_has_no_number_of_ours(hub: Hub, own_bus: OwnBus) -> None:
    listener = listening(hub, 7)
    for foreign in (b'{"call":1}', b"1-1\nevent:x {}", b"\xff\xfe", b"", b"0x1-1 {}"):
        bus.client().publish(channel_of(7), foreign)
    services.tell([7], {"call": 42})
    assert heard(listener) == '{"call":42}'


def test_it_keeps_a_bounded_number_of_messages_for_a_bounded_time(own_bus: OwnBus) -> None:
    for number in range(1000):
        services.tell([7], {"call": number})
    assert 200 <= bus.client().xlen(channel_of(7)) <= 400
    assert 0 < bus.client().ttl(channel_of(7)) <= 3600


def test_it_sends_a_replayed_message_only_once(hub: Hub, own_bus: OwnBus) -> None:
    listener = listening(hub, 7)
    publish(bus.client(), [(channel_of(7), "first"), (channel_of(7), "second")])
    [(number, text), _] = missed(bus.client(), channel_of(7), (0, 0))
    wait_until(lambda: listener.queue.qsize() == 2, "it did not happen")

    stream = Stream(hub, listener, render(number, text), parse_id(number) or (0, 0))

    opening, following = next(stream), next(stream)
    assert b"data:first\nid:" in opening
    assert b"data:second\nid:" in following
    assert b"first" not in following


def test_it_beats_while_nothing_happens(
    hub: Hub, own_bus: OwnBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_app.live.stream.HEARTBEAT_SECONDS", 0.02)
    stream = Stream(hub, listening(hub, 7), b"")
    opening = next(stream)
    assert opening.startswith(b"retry:")
    assert opening.endswith(BEAT)
    assert next(stream) == next(stream) == BEAT


def test_it_ends_a_stream_after_its_lifetime_so_that_rights_are_checked_again(
    hub: Hub, own_bus: OwnBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_app.live.stream.HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr("crm_app.live.stream.LIFETIME_SECONDS", 0.01)
    chunks = list(Stream(hub, listening(hub, 7), b""))
    assert chunks[0].startswith(b"retry:")
    assert len(chunks) < 4


def test_it_leaves_the_hub_when_the_browser_has_gone(hub: Hub, own_bus: OwnBus) -> None:
    stream = Stream(hub, listening(hub, 7), b"")
    assert len(hub) == 1
    stream.close()
    stream.close()
    assert len(hub) == 0


def test_it_drops_a_slow_reader_and_keeps_the_others(hub: Hub, own_bus: OwnBus) -> None:
    slow, quick = listening(hub, 7), listening(hub, 7)
    for number in range(hub_module.QUEUE_LENGTH + 1):
        services.tell([7], {"call": number})
        assert heard(quick) == f'{{"call":{number}}}'
    wait_until(lambda: slow.is_dropped, "it did not happen")
    assert not quick.is_dropped
    read = b"".join(Stream(hub, slow, b""))
    assert read.count(b"data:{") == hub_module.QUEUE_LENGTH


def test_it_ends_the_streams_of_a_user_who_was_disabled(hub: Hub, own_bus: OwnBus) -> None:
    bob, carol = listening(hub, 2), listening(hub, 3)
    services.close(2)
    assert heard(bob) == ""
    assert bob.is_dropped
    assert not carol.is_dropped
    assert list(Stream(hub, bob, b""))[1:] == []


def test_it_drops_all_when_the_bus_dies_and_works_again_when_it_is_back(
    hub: Hub, own_bus: OwnBus
) -> None:
    before = listening(hub, 7)
    own_bus.stop()
    assert heard(before) == ""
    assert not hub.is_ready(timeout=0.01)

    own_bus.start()

    after = listening(hub, 7)
    services.tell([7], {"call": 1})
    assert heard(after) == '{"call":1}'


def test_it_never_raises_when_the_bus_is_down_and_says_so_once(own_bus: OwnBus) -> None:
    services.tell([7], {"call": 1})
    own_bus.stop()
    assert not bus.is_alive()
    with capture_logs() as lines:
        services.tell([7], {"call": 2})
        services.tell([7], {"call": 3})
        services.close(7)
    assert [line["event"] for line in lines] == ["live_messages_do_not_leave"]

    own_bus.start()

    with capture_logs() as lines:
        services.tell([7], {"call": 4})
    assert bus.is_alive()
    assert [line["event"] for line in lines] == ["live_messages_leave_again"]


def test_it_does_not_touch_the_bus_for_nobody(own_bus: OwnBus) -> None:
    own_bus.stop()
    with capture_logs() as lines:
        services.tell([], {"call": 1})
    assert lines == []


@pytest.mark.parametrize("text", ["", "x", "1", "1-", "-1", "1-1-1", "9" * 30 + "-1", "1 -1"])
def test_it_ignores_a_last_number_that_is_not_ours(text: str) -> None:
    assert parse_id(text) is None


def test_it_cannot_be_made_to_inject_lines_into_a_stream() -> None:
    assert (
        render("1-1", "a\nevent:evil\rid:9").decode()
        == "data:a\ndata:event:evil\ndata:id:9\nid:1-1\n\n"
    )


def test_it_survives_a_queue_that_is_full_when_it_is_dropped() -> None:
    listener = Listener(channel_of(1))
    for number in range(hub_module.QUEUE_LENGTH):
        listener.queue.put_nowait(((1, number), f"1-{number}", "x"))
    with pytest.raises(queue.Full):
        listener.queue.put_nowait(None)
    listener.drop()
    assert listener.is_dropped


def test_those_who_may_hear_of_every_call_share_a_channel_and_leave_it_with_their_stream(
    hub: Hub, own_bus: OwnBus
) -> None:
    carol = listening(hub, 3)
    bob = Listener(channel_of(2), channel_of(OFFICE))
    hub.add(bob)
    assert len(hub) == 2

    services.tell([OFFICE], {"log": 42})

    assert heard(bob) == '{"log":42}'
    assert carol.queue.empty()
    services.close(OFFICE)
    wait_until(lambda: bob.is_dropped, "it did not happen")
    assert not carol.is_dropped
    hub.remove(bob)
    assert len(hub) == 1
