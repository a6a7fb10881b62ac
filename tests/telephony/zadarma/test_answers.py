"""What we answer to a starting call."""

from typing import Any

import pytest

from crm_app.telephony.zadarma.answers import CallReply


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (CallReply(), {}),
        (CallReply(caller_name="Ana Sousa"), {"caller_name": "Ana Sousa"}),
        (CallReply(caller_name=' Ana\r\n"Bo"\x00 <x> '), {"caller_name": "Ana Bo x"}),
        (CallReply(caller_name="é" * 99), {"caller_name": "é" * 60}),
        (CallReply(caller_name="\n"), {}),
        (CallReply(hangup=True), {"hangup": 1}),
        (CallReply(blacklist=True, caller_name="Ana"), {"redirect": "blacklist"}),
        (CallReply(redirect="0-main"), {"redirect": "0-main"}),
        (CallReply(redirect="101", return_timeout=0), {"redirect": "101", "return_timeout": 0}),
        (
            CallReply(redirect="101", return_timeout=3, caller_name="Ana"),
            {"redirect": "101", "return_timeout": 3, "caller_name": "Ana"},
        ),
    ],
)
def test_it_writes_what_the_pbx_reads(reply: CallReply, expected: dict[str, Any]) -> None:
    assert reply.to_json() == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"redirect": "101", "return_timeout": 1},
        {"redirect": "101", "return_timeout": 2},
        {"redirect": "101", "return_timeout": -1},
        {"return_timeout": 5},
        {"redirect": "+351910000042"},
        {"redirect": ""},
        {"redirect": "blacklist"},
        {"redirect": "101", "hangup": True},
        {"blacklist": True, "hangup": True},
    ],
)
def test_it_refuses_what_the_pbx_would_refuse(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="call"):
        CallReply(**wrong)
