"""What the PBX has recognised stands beside the player and is found; nothing paid is started."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select

from crm_app.accounts.models import User
from crm_app.calls.models import Call
from crm_app.extensions import db
from crm_app.jobs.runner import Runner
from crm_app.recordings.models import Transcript
from crm_app.serving.jobs import KINDS
from crm_app.simulator.office import Simulator
from crm_app.simulator.sounds import CONVERSATION, SoundKind
from crm_app.telephony import services
from tests.owed import perform
from tests.recordings.conftest import fetched, record

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ClientOf = Callable[[User], FlaskClient]


@pytest.fixture(autouse=True)
def _switched_on(pbx: Simulator) -> None:
    services.set_switches({"transcripts": "on"})
    db.session.commit()


def said(pbx: Simulator, kind: SoundKind = "sound") -> Call:
    """A call whose recording was recognised."""
    call = record(pbx, kind)
    fetched(call)
    perform("ask_for_transcript")
    return call


def work(*names: str) -> None:
    """Perform what is due now of some kinds."""
    Runner([kind for kind in KINDS if kind.name in names]).work(lambda: False)


def the_transcript() -> Transcript:
    """The only one, as it is now."""
    found = select(Transcript).execution_options(populate_existing=True)
    return db.session.scalars(found).one()


def test_phrases_stand_in_the_order_in_which_they_were_said(
    pbx: Simulator, bob: User, client_of: ClientOf
) -> None:
    call = said(pbx)
    row = the_transcript()
    assert [phrase["text"] for phrase in row.phrases] == [text for _, _, text in CONVERSATION]
    assert (row.state, row.phrases[1]["start"]) == ("ready", 3.2)
    page = client_of(bob).get(f"/calls/{call.id}").text
    assert page.count("data-js-jump=") == len(CONVERSATION)
    # With one channel nothing says who speaks.
    assert "<strong>" not in page.partition("said-phrases")[2].partition("</ol>")[0]


def test_with_two_channels_it_says_who_speaks(
    pbx: Simulator, bob: User, client_of: ClientOf
) -> None:
    call = said(pbx, "stereo")
    page = client_of(bob).get(f"/calls/{call.id}").text.partition("said-phrases")[2]
    # Our side is on the second channel of a call that came in.
    assert page.index("<strong>Client:</strong>") < page.index("<strong>Bob Agent:</strong>")


@pytest.mark.parametrize(
    ("status", "state"),
    [("ready for recognize", "not_started"), ("not available for recognize", "none"),
     ("error", "failed")],
)  # fmt: skip
def test_it_never_starts_a_recognition_and_says_why_there_is_none(
    pbx: Simulator, bob: User, client_of: ClientOf, status: str, state: str
) -> None:
    pbx.sounds.speech = status
    call = said(pbx)
    assert the_transcript().state == state
    assert {one.method for one in pbx.api_calls if "speech" in one.path} == {"GET"}
    assert "data-js-jump" not in client_of(bob).get(f"/calls/{call.id}").text


def test_one_that_is_under_way_is_asked_for_again(pbx: Simulator) -> None:
    pbx.sounds.speech = "in progress"
    said(pbx)
    assert the_transcript().state == "pending"
    pbx.sounds.speech = "recognized"
    perform("ask_for_transcript")
    assert the_transcript().state == "ready"


@pytest.mark.parametrize("ids", [("call_id",), ("pbx_call_id",), ("call_id", "pbx_call_id")])
def test_once_somebody_has_started_it_the_pbx_says_so_and_is_asked(
    pbx: Simulator, visitor: FlaskClient, ids: tuple[str, ...]
) -> None:
    pbx.sounds.speech = "ready for recognize"
    call = said(pbx)
    assert the_transcript().state == "not_started"
    pbx.sounds.speech = "recognized"
    known = {"call_id": call.recordings[0].recording_id, "pbx_call_id": call.pbx_call_id}
    fields = {"event": "SPEECH_RECOGNITION", "lang": "pt", "result": '{"phrases":[]}'}
    db.session.commit()
    posted = visitor.post("/zadarma", data={**fields, **{name: known[name] for name in ids}})
    assert posted.status_code == 200
    work("speech_recognised", "ask_for_transcript")
    assert the_transcript().state == "ready"


def test_one_that_nobody_has_started_is_looked_at_again_for_some_hours(pbx: Simulator) -> None:
    pbx.sounds.speech = "ready for recognize"
    with time_machine.travel(NOON, tick=False) as traveller:
        said(pbx)
        for hours in range(8):
            traveller.move_to(NOON + timedelta(hours=hours, minutes=1))
            work("ask_for_transcript")
        asked = [one for one in pbx.api_calls if "speech" in one.path]
        assert (the_transcript().state, len(asked)) == ("not_started", 7)


def test_one_that_is_awaited_is_not_asked_for_once_it_is_switched_off(pbx: Simulator) -> None:
    pbx.sounds.speech = "in progress"
    said(pbx)
    services.set_switches({"transcripts": "off"})
    db.session.commit()
    asked = len(pbx.api_calls)
    perform("ask_for_transcript")
    assert len(pbx.api_calls) == asked
    assert db.session.scalars(select(Transcript)).all() == []


def test_what_was_said_is_found_by_those_who_may_hear_it(
    pbx: Simulator, bob: User, carol: User, dora: User, client_of: ClientOf
) -> None:
    call = said(pbx)
    for user, count in ((bob, 1), (dora, 1), (carol, 0)):
        for path in ("/search", "/search/suggestions"):
            answer = client_of(user).get(f"{path}?q=thursday delivery")
            assert answer.text.count(f"/calls/{call.id}") >= count, (user.name, path)
            assert ("about the delivery on thursday" in answer.text) == bool(count)


def test_with_the_switch_off_nothing_is_asked(pbx: Simulator) -> None:
    services.set_switches({"transcripts": "off"})
    db.session.commit()
    said(pbx)
    assert db.session.scalars(select(Transcript)).all() == []
    assert not [one for one in pbx.api_calls if "speech" in one.path]
