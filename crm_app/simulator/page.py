"""The page from which a person rings the office and plays its phones."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from crm_app.simulator.api.requests import params
from crm_app.simulator.calls import IncomingCall, OutgoingCall
from crm_app.simulator.conditions import table as conditions

if TYPE_CHECKING:
    from crm_app.simulator.office import Simulator

_OWN_HOSTS = ("127.0.0.1", "localhost")
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SHOWN_DELIVERIES = 12
_PATIENCE_SECONDS = 8.0
Call = IncomingCall | OutgoingCall
bp = Blueprint(
    "page", __name__, template_folder="templates", static_folder="static", static_url_path=""
)


def pbx() -> "Simulator":
    """Find the simulator that this application belongs to."""
    found: Simulator = current_app.extensions["pbx"]
    return found


@dataclass(frozen=True, slots=True)
class Script:
    """What a button does: its words, and the call that it starts."""

    title: str
    hint: str
    play: Callable[["Simulator", str], None]


def stranger() -> str:
    """Make up the mobile number of somebody nobody knows."""
    return f"+35191{secrets.randbelow(10**7):07d}"


def _ring(pbx: "Simulator", client: str) -> None:
    pbx.ring(client)


def _ring_as_stranger(pbx: "Simulator", client: str) -> None:
    pbx.ring(stranger())


def _ring_two(pbx: "Simulator", client: str) -> None:
    pbx.ring(client)
    pbx.ring(stranger())


def _miss(pbx: "Simulator", client: str) -> None:
    call = pbx.ring(client)
    pbx.after(_PATIENCE_SECONDS, call.hang_up)


def _transfer(pbx: "Simulator", client: str) -> None:
    call = pbx.ring(client)
    first, second = (call.ringing * 2)[:2] if call.ringing else ("", "")
    other = next((one for one in pbx.account.extensions if one != first), second)
    steps: tuple[Callable[[], object], ...] = (
        lambda: call.answer(first),
        lambda: call.transfer(other),
        lambda: call.answer(other),
        call.hang_up,
    )
    for place, step in enumerate(steps, 1):
        pbx.after(3.0 * place, step)


def _outgoing(pbx: "Simulator", client: str) -> None:
    call = pbx.dial(pbx.account.extensions[0], client)
    pbx.after(4.0, call.answer)


def _hidden(pbx: "Simulator", client: str) -> None:
    pbx.ring("Anonymous")


def _lost_end(pbx: "Simulator", client: str) -> None:
    call = pbx.ring(client)
    pbx.after(_PATIENCE_SECONDS, lambda: call.hang_up(is_end_lost=True))


SCRIPTS: Mapping[str, Script] = {
    "ring": Script("Call the office", "Rings until somebody answers", _ring),
    "stranger": Script(
        "A stranger", "A number nobody knows", lambda pbx, _: _ring(pbx, stranger())
    ),
    "two": Script("Two at once", "This client and a stranger", _ring_two),
    "missed": Script("Missed", "Gives up after 8 seconds", _miss),
    "transfer": Script("Transfer", "Answered, then passed on", _transfer),
    "outgoing": Script("Outgoing", "The first phone calls the client", _outgoing),
    "hidden": Script("Hidden number", "No number is shown", _hidden),
    "lost": Script("End lost", "The end never reaches the office", _lost_end),
}


@bp.before_request
def _refuse_others() -> Response | None:
    """Refuse other web pages: any of them can post to this machine."""
    host = request.headers.get("Host", "")
    origin = request.headers.get("Origin")
    is_same = origin is None or urlsplit(origin).netloc == host
    if urlsplit(f"//{host}").hostname in _OWN_HOSTS and is_same:
        return None
    return Response(status=403, content_type="text/plain")


@bp.after_request
def _protect(answer: Response) -> Response:
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.get("/")
def index() -> str:
    """Show who can call, and what goes on."""
    return render_template("simulator/page.html", scripts=SCRIPTS, **_shown(), **_conditions())


@bp.get("/live")
def live() -> str:
    """Show what goes on: the phones, the clients on the line, what was posted."""
    return render_template("simulator/_live.html", **_shown())


@bp.post("/ring")
def ring() -> AnyResponse:
    """Play one of the scripts with a number that was typed or chosen."""
    given = params(request)
    script = SCRIPTS.get(given.get("script", "ring"))
    number = _typed(given.get("number", "")) or _typed(given.get("client", ""))
    if script and (number or not pbx().clients):
        script.play(pbx(), number or "+351910000042")
    return redirect("/", 303)


@bp.post("/text")
def text() -> AnyResponse:
    """Send the office a text message from a number that was typed or chosen."""
    given = params(request)
    number = _typed(given.get("number", "")) or _typed(given.get("client", ""))
    if written := given.get("text", "").strip()[:1_000]:
        pbx().text(number or "+351910000042", written)
    return redirect("/", 303)


@bp.get("/conditions")
def conditions_now() -> str:
    """Show what goes wrong now, and what else can."""
    return render_template("simulator/_conditions.html", **_conditions())


@bp.post("/conditions/<group>")
def choose(group: str) -> AnyResponse:
    """Let something go wrong from now on, or right again."""
    conditions.choose(pbx(), group, params(request).get("choice", ""))
    return redirect("/", 303)


@bp.post("/<action>")
def act(action: str) -> AnyResponse:
    """Press a key of a phone."""
    given = params(request)
    call = next((one for one in pbx().live_calls if one.pbx_call_id == given.get("call")), None)
    if action in _ACTIONS and call:
        _ACTIONS[action](call, given.get("extension", ""))
    return redirect("/", 303)


def _typed(number: str) -> str:
    digits = re.sub(r"[^0-9]+", "", number)[:15]
    return f"+{digits}" if number.strip().startswith("+") else digits


def _answer_call(call: Call, extension: str) -> None:
    if isinstance(call, IncomingCall):
        call.answer(extension)
    elif call.state == "waiting":
        call.start()
    else:
        call.answer()


def _transfer_call(call: Call, extension: str) -> None:
    if isinstance(call, IncomingCall):
        call.transfer(extension)


def _decline_call(call: Call, extension: str) -> None:
    if isinstance(call, OutgoingCall):
        call.decline()


def _hang_up_call(call: Call, extension: str) -> None:
    call.hang_up()


_ACTIONS: Mapping[str, Callable[[Call, str], None]] = {
    "answer": _answer_call,
    "transfer": _transfer_call,
    "decline": _decline_call,
    "hangup": _hang_up_call,
}


def _conditions() -> dict[str, object]:
    return {"pbx": pbx(), "groups": list(conditions.groups(pbx()))}


def _shown() -> dict[str, object]:
    account = pbx().account
    calls = [call for call in pbx().live_calls if call.state != "ended"]
    return {
        "account": account,
        "clients": pbx().clients,
        "calls": calls,
        "phones": {one: _lines(one, calls) for one in account.extensions},
        "sent": list(account.sent)[: -_SHOWN_DELIVERIES - 1 : -1],
        "deliveries": list(pbx().deliveries)[: -_SHOWN_DELIVERIES - 1 : -1],
    }


@dataclass(frozen=True, slots=True)
class Line:
    """A call as one phone of the office shows it, with the keys that it offers."""

    call: Call
    state: str
    name: str
    can_answer: bool
    can_hang_up: bool
    targets: tuple[str, ...] = ()


def _lines(extension: str, calls: list[Call]) -> list[Line]:
    return [line for call in calls if (line := _line(extension, call)) is not None]


def _line(extension: str, call: Call) -> Line | None:
    state = "talking" if call.state == "talking" else "ringing"
    if isinstance(call, OutgoingCall):
        is_here = call.extension == extension
        is_waiting = call.state == "waiting"
        return Line(call, state, call.client, is_waiting, can_hang_up=True) if is_here else None
    name = call.caller_name or call.client
    if extension in call.ringing:
        return Line(call, "ringing", name, can_answer=True, can_hang_up=False)
    if call.talker != extension:
        return None
    others = [one for one in pbx().account.extensions if one != extension]
    return Line(call, state, name, False, can_hang_up=True, targets=tuple(others[:4]))
