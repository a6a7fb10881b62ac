"""What a starting call is answered: pure decisions, by table."""

from datetime import UTC, datetime

import pytest

from crm_app.contacts.numbers.caller import Caller
from crm_app.telephony.routing.rules import StartingCall, decide
from crm_app.telephony.switches import Switches

ON, OFF = Switches(caller_name="on"), Switches(caller_name="off")
CLIENT = "+351910000042"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "names", "switches", "answer"),
    [
        (CLIENT, ["Ana Sousa"], ON, {"caller_name": "Ana Sousa"}),
        (CLIENT, ["Ana Sousa"], OFF, {}),
        (CLIENT, [], ON, {}),
        (CLIENT, ["   "], ON, {}),
        ("", ["Ana Sousa"], ON, {}),
        ("16200", ["Ana Sousa"], ON, {"caller_name": "Ana Sousa"}),
        (CLIENT, ["Ana Sousa", "Ana  Sousa"], ON, {"caller_name": "Ana Sousa"}),
        (CLIENT, ["Ana Sousa", "Rui Sousa", "Eva"], ON, {"caller_name": "Ana Sousa +2"}),
        (CLIENT, ['Ana "A" <b>'], ON, {"caller_name": "Ana A b"}),
        (CLIENT, ["x" * 100], ON, {"caller_name": "x" * 60}),
        (CLIENT, ["x" * 100, "y"], ON, {"caller_name": "x" * 57 + " +1"}),
    ],
)
def test_it_answers_what_the_office_wants(
    number: str, names: list[str], switches: Switches, answer: dict[str, str]
) -> None:
    callers = tuple(
        Caller(place, name, "", None, do_not_call=False) for place, name in enumerate(names)
    )
    decision = decide(StartingCall(number, "", NOON, callers), switches)
    assert (decision.reply.to_json(), decision.refusal) == (answer, "")
