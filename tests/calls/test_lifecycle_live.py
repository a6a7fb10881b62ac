"""What a call is while it goes on: who rings, who talks, and what a late word changes."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from crm_app.calls.fold.facts import CallPhase, Direction, Disposition, Fact, FactKind
from crm_app.calls.fold.follow_ups import deserves_call_back
from crm_app.calls.fold.lifecycle import fold

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ANA = "+351910000042"
STARTED, RANG, ANSWERED = FactKind.STARTED, FactKind.RANG, FactKind.ANSWERED
ENDED, SWEPT, DIALLED = FactKind.ENDED, FactKind.SWEPT, FactKind.DIALLED
OUT_STARTED, OUT_ENDED = FactKind.OUTGOING_STARTED, FactKind.OUTGOING_ENDED


def inbound(kind: FactKind, at: float, **told: Any) -> Fact:
    told.setdefault("caller", ANA)
    return Fact(kind, "in_1", NOON + timedelta(seconds=at), **told)


def outbound(kind: FactKind, at: float, **told: Any) -> Fact:
    return Fact(kind, "out_1", NOON + timedelta(seconds=at), **told)


class TestRinging:
    def test_it_names_every_phone_that_rings(self) -> None:
        call = fold([inbound(STARTED, 0), *(inbound(RANG, 1, extension=e) for e in ("102", "101"))])
        assert call.ringing_extensions == ("101", "102")
        assert (call.status, call.phase) == ("ringing", CallPhase.RINGING)

    def test_it_rings_nobody_once_somebody_talks(self) -> None:
        rang = [inbound(RANG, 1, extension=e) for e in ("101", "102", "103")]
        call = fold([inbound(STARTED, 0), *rang, inbound(ANSWERED, 5, extension="102")])
        assert call.ringing_extensions == ()
        assert (call.status, call.talking_extension, call.answered_by) == ("talking", "102", "102")
        assert call.answered_at == NOON + timedelta(seconds=5)
        assert call.ring_seconds == 5

    def test_it_rings_no_phone_that_has_stopped(self) -> None:
        stopped = inbound(FactKind.STOPPED_RINGING, 9, extension="101")
        call = fold([*(inbound(RANG, 1, extension=e) for e in ("101", "102")), stopped])
        assert call.ringing_extensions == ("102",)

    def test_it_does_not_ring_for_a_start_that_comes_after_the_end(self) -> None:
        ended = inbound(ENDED, 20, disposition=Disposition.CANCELLED, talk_seconds=0)
        late = [inbound(STARTED, 7200), inbound(RANG, 7201, extension="101")]
        assert fold([ended, *late]).ringing_extensions == ()
        assert fold([ended, *late]).status == "missed"

    def test_it_rings_nobody_for_a_start_of_another_day_that_is_sent_again(self) -> None:
        def rang(pbx_time: str) -> tuple[str, ...]:
            return fold([inbound(RANG, 1, extension="101", pbx_time=pbx_time)]).ringing_extensions

        assert rang("2026-03-02 23:00:00") == ("101",)
        assert rang("2026-03-01 12:30:00") == ("101",)
        assert rang("2026-02-27 12:00:00") == ()
        assert rang("2026-03-04 12:00:00") == ()
        assert rang("half past noon") == ("101",)

    def test_it_calls_nobody_back_for_a_call_of_another_day_that_is_sent_again(self) -> None:
        ended = inbound(ENDED, 2, disposition=Disposition.CANCELLED)
        old = inbound(STARTED, 1, pbx_time="2026-02-27 12:00:00")
        assert deserves_call_back(fold([inbound(STARTED, 1), ended]))
        assert not deserves_call_back(fold([old, ended]))


class TestTransfer:
    TALK = (inbound(STARTED, 0), inbound(RANG, 1, extension="101"))
    PICKED_UP = inbound(ANSWERED, 5, extension="101")
    PASSED = inbound(RANG, 25, extension="103", transfer_from="101")
    TAKEN = inbound(ANSWERED, 30, extension="103", transfer_from="101")

    def test_it_rings_the_colleague_while_the_first_still_talks(self) -> None:
        call = fold([*self.TALK, self.PICKED_UP, self.PASSED])
        assert (call.ringing_extensions, call.talking_extension) == (("103",), "101")

    def test_it_hands_the_talk_over(self) -> None:
        call = fold([*self.TALK, self.PICKED_UP, self.PASSED, self.TAKEN])
        assert (call.ringing_extensions, call.talking_extension) == ((), "103")
        assert call.participants == ("101", "103")

    def test_it_follows_the_hands_and_not_the_clock(self) -> None:
        early = inbound(ANSWERED, 2, extension="103", transfer_from="101")
        call = fold([*self.TALK, early, self.PASSED, self.PICKED_UP])
        assert call.talking_extension == "103"

    def test_it_knows_a_transfer_from_the_ring_when_the_answer_does_not_say(self) -> None:
        silent = inbound(ANSWERED, 2, extension="103")
        call = fold([*self.TALK, silent, self.PASSED, self.PICKED_UP])
        assert call.talking_extension == "103"

    def test_it_stops_ringing_the_colleague_when_the_call_is_taken_back(self) -> None:
        back = inbound(RANG, 45, extension="101", transfer_from="103")
        call = fold([*self.TALK, self.PICKED_UP, self.PASSED, back])
        assert (call.ringing_extensions, call.talking_extension) == ((), "101")

    def test_it_can_come_back_to_the_first(self) -> None:
        back = [
            inbound(kind, 50, extension="101", transfer_from="103") for kind in (RANG, ANSWERED)
        ]
        call = fold([*self.TALK, self.PICKED_UP, self.PASSED, self.TAKEN, *back])
        assert call.talking_extension == "101"
        ended = inbound(ENDED, 90, disposition=Disposition.ANSWERED, talk_seconds=85)
        call = fold([*self.TALK, self.PICKED_UP, self.PASSED, self.TAKEN, *back, ended])
        assert (call.answered_by, call.participants) == ("101", ("101", "103"))

    def test_it_keeps_a_leg_for_each_time_the_call_was_passed_on(self) -> None:
        call = fold([*self.TALK, self.PICKED_UP, self.PASSED, self.TAKEN])
        assert [(leg.extension, leg.transferred_from) for leg in call.legs] == [
            ("101", ""),
            ("103", "101"),
        ]
        assert [leg.answered_at for leg in call.legs] == [
            NOON + timedelta(seconds=5),
            NOON + timedelta(seconds=30),
        ]


class TestEnds:
    RINGING = tuple(inbound(RANG, 1, extension=e) for e in ("101", "102"))

    def test_it_goes_on_when_only_the_phones_that_lost_have_ended(self) -> None:
        answer = inbound(ANSWERED, 5, extension="102")
        lost = inbound(ENDED, 5, extension="101", disposition=Disposition.CANCELLED)
        call = fold([*self.RINGING, answer, lost])
        assert (call.status, call.talking_extension) == ("talking", "102")

    def test_it_is_over_when_the_one_who_talks_has_ended(self) -> None:
        answer = inbound(ANSWERED, 5, extension="102")
        ended = inbound(ENDED, 9, extension="102", disposition=Disposition.CANCELLED)
        call = fold([*self.RINGING, answer, ended])
        assert (call.status, call.talk_seconds) == ("answered", 4)

    def test_it_lets_answered_win_over_an_end_that_comes_later(self) -> None:
        answered = inbound(
            ENDED, 30, last_extension="102", disposition=Disposition.ANSWERED, talk_seconds=25
        )
        missed = inbound(ENDED, 31, disposition=Disposition.CANCELLED, talk_seconds=0)
        call = fold([*self.RINGING, answered, missed])
        assert (call.status, call.answered_by, call.talk_seconds) == ("answered", "102", 25)

    def test_it_reads_the_beginning_of_the_talk_from_its_length(self) -> None:
        ended = inbound(
            ENDED, 50, last_extension="102", disposition=Disposition.ANSWERED, talk_seconds=40
        )
        call = fold([inbound(STARTED, 1), *self.RINGING, ended])
        assert call.answered_at == NOON + timedelta(seconds=10)
        assert call.ring_seconds == 9

    @pytest.mark.parametrize(
        ("signs", "seconds"),
        [
            ([(STARTED, 0), (RANG, 1)], 3),
            ([(STARTED, 0), (FactKind.MENU, 1)], 3),
            ([(STARTED, 3)], 0),
            ([(RANG, 1)], None),
            ([(FactKind.MENU, 1)], None),
            ([(RANG, 1), (STARTED, 2)], None),
            ([(STARTED, 4)], None),
            ([], None),
        ],
    )
    def test_it_knows_how_long_it_rang_only_when_the_start_was_heard_before_all_else(
        self, signs: list[tuple[FactKind, int]], seconds: int | None
    ) -> None:
        ended = inbound(ENDED, 3, disposition=Disposition.CANCELLED, talk_seconds=0)
        facts = [inbound(kind, at, extension="101" * (kind is RANG)) for kind, at in signs]
        assert fold([*facts, ended]).ring_seconds == seconds

    @pytest.mark.parametrize("lost", [STARTED, ENDED])
    def test_it_does_not_learn_from_the_statistics_how_long_it_rang(self, lost: FactKind) -> None:
        facts = [
            inbound(STARTED, 0),
            inbound(RANG, 1, extension="101"),
            inbound(ENDED, 3, disposition=Disposition.CANCELLED, talk_seconds=0),
        ]
        row = inbound(
            FactKind.LISTED, 90, disposition=Disposition.CANCELLED, talk_seconds=0, happened_at=NOON
        )
        call = fold([*(fact for fact in facts if fact.kind is not lost), row])
        assert (call.status, call.ring_seconds) == ("missed", None)

    def test_it_takes_a_word_it_does_not_know_for_failed_unless_somebody_talked(self) -> None:
        odd = outbound(
            OUT_ENDED, 9, called=ANA, extension="101", disposition_raw="odd", talk_seconds=0
        )
        assert (fold([odd]).status, fold([odd]).disposition_raw) == ("failed", "odd")
        talked = outbound(OUT_ENDED, 9, called=ANA, extension="101", talk_seconds=12)
        assert fold([talked]).status == "answered"

    def test_it_stays_refused_whatever_follows(self) -> None:
        refused = inbound(FactKind.REFUSED, 0)
        after = [inbound(RANG, 1, extension="101"), inbound(ANSWERED, 2, extension="101")]
        call = fold([inbound(STARTED, 0), refused, *after])
        assert (call.status, call.ringing_extensions, call.answered_by) == ("blocked", (), "")
        assert not call.is_missed


class TestSweep:
    def test_it_closes_a_silent_call_as_missed_when_nobody_answered(self) -> None:
        call = fold([inbound(STARTED, 0), inbound(RANG, 1, extension="101"), inbound(SWEPT, 181)])
        assert (call.status, call.is_missed, deserves_call_back(call)) == ("unfinished", True, True)

    def test_it_is_not_missed_when_somebody_had_answered(self) -> None:
        call = fold([inbound(ANSWERED, 0, extension="101"), inbound(SWEPT, 15_000)])
        assert (call.status, call.is_missed, call.participants) == ("unfinished", False, ("101",))

    def test_it_gives_way_to_the_end_that_the_pbx_tells(self) -> None:
        ended = inbound(
            ENDED, 900, last_extension="101", disposition=Disposition.ANSWERED, talk_seconds=700
        )
        call = fold([inbound(STARTED, 0), inbound(SWEPT, 181), ended])
        assert (call.status, call.talk_seconds) == ("answered", 700)

    def test_it_lives_again_when_a_phone_rings_after_a_long_wait_in_the_menu(self) -> None:
        call = fold([inbound(STARTED, 0), inbound(SWEPT, 181), inbound(RANG, 240, extension="101")])
        assert call.ringing_extensions == ("101",)


class TestDirection:
    def test_it_is_our_own_click_when_only_the_callers_phone_rings(self) -> None:
        rang = inbound(RANG, 1, caller="101", extension="101")
        clicked = inbound(DIALLED, 0, caller="", called=ANA, extension="101")
        call = fold([rang, clicked])
        assert (call.direction, call.outside_number) == (Direction.OUTBOUND, ANA)
        assert (call.placed_by, call.ringing_extensions) == ("101", ("101",))

    def test_it_is_internal_though_a_click_was_taken_for_a_call_between_colleagues(self) -> None:
        told = [
            inbound(STARTED, 0, caller="101"),
            inbound(DIALLED, 0, caller="", called=ANA, extension="101"),
            inbound(RANG, 1, caller="101", extension="102"),
            inbound(ANSWERED, 5, caller="101", called="102", extension="102"),
        ]
        for order in permutations(told):
            call = fold(order)
            assert (call.direction, call.outside_number) == (Direction.INTERNAL, "")
            assert (call.placed_by, call.answered_by) == ("101", "102")

    def test_it_is_our_own_click_also_when_the_client_is_passed_to_a_colleague(self) -> None:
        told = [
            inbound(DIALLED, 0, caller="", called=ANA, extension="101"),
            inbound(RANG, 1, caller="101", extension="101"),
            inbound(RANG, 60, caller="101", extension="102", transfer_from="101"),
            inbound(ANSWERED, 65, caller="101", called="102", extension="102"),
        ]
        for order in permutations(told):
            call = fold(order)
            assert (call.direction, call.outside_number) == (Direction.OUTBOUND, ANA)
            assert (call.placed_by, call.talking_extension) == ("101", "102")

    def test_it_is_outbound_while_the_pbx_rings_only_the_phone_that_called(self) -> None:
        call = fold([inbound(RANG, 1, caller="101", extension="101")])
        assert (call.direction, call.placed_by) == (Direction.OUTBOUND, "101")
        assert call.ringing_extensions == ("101",)

    def test_it_is_internal_when_a_colleague_rings_a_colleague(self) -> None:
        call = fold([inbound(RANG, 1, caller="101", extension="102")])
        assert (call.direction, call.placed_by) == (Direction.INTERNAL, "101")
        assert (call.ringing_extensions, call.outside_number) == (("102",), "")

    def test_it_rings_the_called_colleague_of_an_outgoing_internal_call(self) -> None:
        call = fold([outbound(OUT_STARTED, 0, called="102", extension="101")])
        assert (call.direction, call.ringing_extensions) == (Direction.INTERNAL, ("102",))

    def test_it_does_not_take_a_wrong_number_for_a_colleague(self) -> None:
        call = fold([outbound(OUT_STARTED, 0, called="000", extension="101")])
        assert call.direction is Direction.OUTBOUND

    def test_it_rings_our_own_phone_first_and_then_dials(self) -> None:
        own = outbound(OUT_STARTED, 0, called="101", extension="101", leg="callback_leg1")
        assert fold([own]).ringing_extensions == ("101",)
        assert fold([own]).is_own_leg
        client = outbound(OUT_STARTED, 5, called=ANA, extension="101", leg="callback_leg2")
        call = fold([own, client])
        assert (call.ringing_extensions, call.is_own_leg, call.status) == ((), False, "ringing")

    def test_it_is_busy_though_our_own_phone_answered(self) -> None:
        own = [
            outbound(OUT_STARTED, 0, called="101", extension="101"),
            outbound(ANSWERED, 4, caller="101", called="101", extension="101"),
            outbound(
                OUT_ENDED,
                20,
                called="101",
                extension="101",
                disposition=Disposition.ANSWERED,
                talk_seconds=16,
            ),
        ]
        client = [
            outbound(OUT_STARTED, 5, called=ANA, extension="101"),
            outbound(OUT_ENDED, 20, called=ANA, extension="101", disposition=Disposition.BUSY),
        ]
        assert fold([*own, *client]).status == "busy"
        assert fold([*own[:2], client[0]]).status == "ringing"

    def test_it_names_no_missed_call_of_a_hidden_caller_for_calling_back(self) -> None:
        ended = inbound(ENDED, 9, caller="", disposition=Disposition.CANCELLED)
        call = fold([inbound(STARTED, 0, caller=""), ended])
        assert (call.direction, call.is_missed) == (Direction.INBOUND, True)
        assert not deserves_call_back(call)

    def test_it_makes_something_harmless_of_nothing(self) -> None:
        call = fold([])
        assert (call.pbx_call_id, call.status, call.legs) == ("", "ringing", ())
