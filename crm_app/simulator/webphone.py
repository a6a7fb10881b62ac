"""A stand-in of the maker's browser phone: its scripts, and the exchange that they talk to."""

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, request

from crm_app.clock import now
from crm_app.simulator.account import extension_of
from crm_app.simulator.calls import IncomingCall, OutgoingCall

if TYPE_CHECKING:
    from crm_app.simulator.office import Simulator

_NOT_FOUND = "Widget with this key and SIP not found."
_CALLBACK = re.compile(r"\w{1,60}\Z")
_OUTGOING = {"waiting": "incoming", "ringing": "outgoing", "talking": "confirmed"}
Call = IncomingCall | OutgoingCall
bp = Blueprint(
    "webphone", __name__, static_folder="static/webphone", static_url_path="/webphone/js"
)


def _pbx() -> "Simulator":
    found: Simulator = current_app.extensions["pbx"]
    return found


@bp.get("/webphoneWebRTCWidget/v9/js/<name>")
def script(name: str) -> Response:
    """Serve one of the scripts."""
    return bp.send_static_file(name)


@bp.get("/sys/webrtc/get_webphone_data.php")
def trade() -> Response:
    """Trade a key for a phone's login, on pages of the hosts that are allowed."""
    callback = request.args.get("callback", "")
    if not _CALLBACK.match(callback):
        return Response(status=400)
    extension, host = _extension(), urlsplit(request.headers.get("Referer", "")).hostname
    if not extension or host not in (_pbx().account.webphone_domains or []):
        answer = {"status": "error", "message": _NOT_FOUND}
    else:
        answer = {"status": "success", "extension": extension}
    return Response(f"{callback}({json.dumps(answer)})", content_type="text/javascript")


@bp.post("/webphone/<action>")
def act(action: str) -> Response:
    """Register a phone or press one of its keys; answers what the phone is doing then."""
    extension = _extension()
    if not extension:
        return Response(status=403, headers={"Access-Control-Allow-Origin": "*"})
    online, call = _pbx().account.online, _call_of(extension)
    if action == "register" and extension not in online:
        online.add(extension)
        _pbx().account.webphones.add(extension)
    elif action == "unregister":
        if extension in _pbx().account.webphones:
            # There is no other phone on it.
            _pbx().account.webphones.discard(extension)
            online.discard(extension)
        _hang_up(call, extension)
    elif action == "call":
        _pbx().dial(extension, request.form["number"])
    elif action == "answer":
        _answer(call, extension)
    elif action == "hangup":
        _hang_up(call, extension)
    return Response(
        json.dumps(_shown(extension)),
        content_type="application/json",
        headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"},
    )


def _extension() -> str:
    """Find whose phone a request comes from by its key, which is as good as a password."""
    sip, until = _pbx().account.webphone_keys.get(request.values.get("key", ""), ("", now()))
    is_right = sip == request.values.get("sip") and until > now()
    return extension_of(sip) if is_right else ""


@dataclass(frozen=True, slots=True)
class _Phone:
    state: str
    number: str


def _state(call: Call, extension: str) -> _Phone | None:
    if isinstance(call, OutgoingCall):
        is_mine = call.extension == extension and call.state in _OUTGOING
        return _Phone(_OUTGOING[call.state], call.client) if is_mine else None
    if extension in call.ringing:
        return _Phone("incoming", call.client)
    is_mine = call.state == "talking" and call.talker == extension
    return _Phone("confirmed", call.client) if is_mine else None


def _call_of(extension: str) -> Call | None:
    return next((call for call in _pbx().live_calls if _state(call, extension)), None)


def _shown(extension: str) -> dict[str, str]:
    call = _call_of(extension)
    phone = _state(call, extension) if call else None
    if call is not None and phone is not None:
        name = call.caller_name if isinstance(call, IncomingCall) else ""
        named = {"id": call.pbx_call_id, "number": phone.number, "name": name}
        return {"state": phone.state, **named}
    ended = next((one for one in _pbx().live_calls if _was_of(one, extension)), None)
    return {"state": "", "ended": ended.disposition if ended else ""}


def _was_of(call: Call, extension: str) -> bool:
    return isinstance(call, OutgoingCall) and call.extension == extension


def _answer(call: Call | None, extension: str) -> None:
    if isinstance(call, IncomingCall):
        call.answer(extension)
    elif call is not None and call.state == "waiting":
        call.start()


def _hang_up(call: Call | None, extension: str) -> None:
    if isinstance(call, IncomingCall) and extension in call.ringing:
        call.refuse(extension)
    elif call is not None:
        call.hang_up()
