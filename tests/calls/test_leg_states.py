"""Where each phone is in a call, as it is stored: it rings, talks, has talked, or is done."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from crm_app.calls.fold.facts import CallPhase, Disposition, Fact, FactKind
from crm_app.calls.fold.legs import LegState
from crm_app.calls.fold.lifecycle import CallState, fold
from tests.calls.test_lifecycle_live import inbound
from tests.calls.test_lifecycle_properties import PREFIXES, SANE, of_one_call, some

STARTED, RANG, ANSWERED, ENDED = (
    FactKind.STARTED,
    FactKind.RANG,
    FactKind.ANSWERED,
    FactKind.ENDED,
)
TWO_RING = [inbound(STARTED, 0), *(inbound(RANG, 1, extension=name) for name in ("101", "102"))]
PICKED_UP = inbound(ANSWERED, 5, extension="101")
PASSED = inbound(RANG, 25, extension="103", transfer_from="101")
TAKEN = inbound(ANSWERED, 35, extension="103", transfer_from="101")
OVER = inbound(ENDED, 65, last_extension="103", disposition=Disposition.ANSWERED, talk_seconds=60)


def states(call: CallState) -> dict[str, str]:
    return {leg.extension: str(leg.state) for leg in call.legs}


def seconds(call: CallState) -> dict[str, int | None]:
    return {leg.extension: leg.talk_seconds for leg in call.legs}


def test_each_phone_is_followed_through_a_transfer() -> None:
    facts = list(TWO_RING)
    assert states(fold(facts)) == {"101": "ringing", "102": "ringing"}
    facts.append(PICKED_UP)
    assert states(fold(facts)) == {"101": "talking", "102": "done"}
    facts.append(PASSED)
    assert states(fold(facts)) == {"101": "talking", "102": "done", "103": "ringing"}
    facts.append(TAKEN)
    assert states(fold(facts)) == {"101": "talked", "102": "done", "103": "talking"}
    facts.append(OVER)
    assert states(fold(facts)) == {"101": "talked", "102": "done", "103": "talked"}


def test_the_talk_is_divided_among_those_who_had_the_call() -> None:
    call = fold([*TWO_RING, PICKED_UP, PASSED, TAKEN, OVER])
    assert seconds(call) == {"101": 30, "102": None, "103": 30}


def test_the_pbx_counts_the_talk_of_the_only_one_who_had_the_call() -> None:
    over = inbound(
        ENDED, 70, last_extension="101", disposition=Disposition.ANSWERED, talk_seconds=59
    )
    assert seconds(fold([*TWO_RING, PICKED_UP, over])) == {"101": 59, "102": None}


def test_the_end_names_who_talked_when_the_answer_is_lost() -> None:
    over = inbound(
        ENDED, 65, last_extension="101", disposition=Disposition.ANSWERED, talk_seconds=60
    )
    call = fold([*TWO_RING, over])
    assert states(call) == {"101": "talked", "102": "done"}
    assert seconds(call) == {"101": 60, "102": None}


def test_nobody_knows_how_long_a_talk_was_whose_end_never_came() -> None:
    swept = inbound(FactKind.SWEPT, 20_000)
    call = fold([*TWO_RING, PICKED_UP, PASSED, TAKEN, swept])
    assert seconds(call) == {"101": 30, "102": None, "103": None}


def test_a_call_that_nothing_proves_to_be_of_now_is_over() -> None:
    undated = replace(inbound(RANG, 1, extension="101", pbx_time="x"), is_undated=True)
    call = fold([undated, inbound(ANSWERED, 5, extension="101")])
    assert (call.is_stale, call.status, call.talking_extension) == (True, "unfinished", "")


@some
@given(st.lists(st.sampled_from(SANE), max_size=9), PREFIXES)
def test_the_legs_say_what_the_call_says(facts: list[Fact], pbx_call_id: str) -> None:
    call = fold(of_one_call(facts, pbx_call_id))
    ringing = {leg.extension for leg in call.legs if leg.state is LegState.RINGING}
    talking = {leg.extension for leg in call.legs if leg.state is LegState.TALKING}
    talked = {leg.extension for leg in call.legs if leg.state is LegState.TALKED}
    assert ringing == set(call.ringing_extensions)
    assert ({call.talking_extension} - {""}) <= talking <= set(call.participants)
    assert talking | talked == set(call.participants)
    assert not (talking and call.phase is CallPhase.ENDED)
    assert all((leg.talk_seconds or 0) >= 0 for leg in call.legs)
