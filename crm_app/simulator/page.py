"""The page from which a person rings the office and plays its phones."""

import re
from collections.abc import Callable, Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from crm_app.simulator.calls import IncomingCall, OutgoingCall
from crm_app.simulator.http_types import Reply, Request, html_reply
from crm_app.simulator.posting import Delivery
from crm_app.simulator.stories import STORIES

if TYPE_CHECKING:
    from crm_app.simulator.office import Simulator

_ASSETS = {"/page.css": "text/css; charset=utf-8", "/page.js": "text/javascript; charset=utf-8"}
_OWN_HOSTS = ("127.0.0.1", "localhost")
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
Call = IncomingCall | OutgoingCall


def answer(request: Request, pbx: "Simulator") -> Reply:
    """Answer the page, its parts, and what its buttons ask for."""
    # Any web page can post to this machine; only our own may ring the office.
    if not _is_own(request):
        return Reply(403, b"", "text/plain")
    if request.method == "POST":
        _act(request, pbx)
        return Reply(303, b"", "text/plain", {"Location": "/"})
    if request.path in _ASSETS:
        return Reply(200, _asset(request.path[1:]).encode(), _ASSETS[request.path], _POLICY)
    if request.path == "/live":
        return _html(_live(pbx))
    if request.path == "/":
        page = Template(_asset("page.html"))
        return _html(
            page.substitute(
                clients=_clients(pbx), stories=_stories(), live=_live(pbx), did=pbx.account.did
            )
        )
    return Reply(404, b"", "text/plain")


def _is_own(request: Request) -> bool:
    host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    origin = request.headers.get("Origin")
    is_same = origin is None or urlsplit(origin).netloc == request.headers.get("Host")
    return host in _OWN_HOSTS and is_same


def _html(text: str) -> Reply:
    reply = html_reply(200, text)
    return Reply(reply.status, reply.body, reply.content_type, _POLICY)


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _act(request: Request, pbx: "Simulator") -> None:
    params = request.params
    if request.path == "/ring":
        story = STORIES.get(params.get("story", "ring"))
        number = _typed(params.get("number", "")) or _typed(params.get("client", ""))
        if story and (number or not pbx.clients):
            story.tell(pbx, number or "+351910000042")
        return
    action = _ACTIONS.get(request.path)
    call = next((one for one in pbx.live_calls if one.pbx_call_id == params.get("call")), None)
    if action and call:
        action(call, params.get("extension", ""))


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
    "/answer": _answer_call,
    "/transfer": _transfer_call,
    "/decline": _decline_call,
    "/hangup": _hang_up_call,
}


def _clients(pbx: "Simulator") -> str:
    options = (
        f'<option value="{escape(number)}">{escape(name)} · {escape(number)}</option>'
        for name, number in pbx.clients
    )
    return "".join(options) or '<option value="+351910000042">+351 910 000 042</option>'


def _stories() -> str:
    return "".join(
        f'<button name="story" value="{key}"{_main(key)}><b>{escape(story.title)}</b>'
        f"<small>{escape(story.hint)}</small></button>"
        for key, story in STORIES.items()
    )


def _main(key: str) -> str:
    return ' class="main"' if key == "ring" else ""


def _live(pbx: "Simulator") -> str:
    calls = [call for call in pbx.live_calls if call.state != "ended"]
    phones = "".join(_phone(pbx, one, calls) for one in pbx.account.extensions)
    outside = "".join(_outside(call) for call in calls)
    rows = "".join(_row(delivery) for delivery in list(pbx.deliveries)[:-13:-1])
    nobody = '<p class="quiet">No client is on the line.</p>'
    nothing = '<tr><td colspan="4" class="quiet">Nothing posted yet.</td></tr>'
    return (
        f'<section><h2>Phones of the office</h2><div class="phones">{phones}</div></section>'
        f"<section><h2>Clients on the line</h2>{outside or nobody}</section>"
        "<section><h2>Posted to the office</h2><table><thead><tr><th>Notification</th>"
        "<th>Who</th><th>Answer</th><th>Took</th></tr></thead>"
        f"<tbody>{rows or nothing}</tbody></table></section>"
    )


def _phone(pbx: "Simulator", extension: str, calls: list[Call]) -> str:
    lines = [line for call in calls if (line := _line(pbx, extension, call))]
    states = [state for state, _ in lines]
    state = "talking" if "talking" in states else (states or ["idle"])[0]
    idle = "Free" if extension in pbx.account.online else "Switched off"
    shown = "".join(text for _, text in lines) or f'<p class="quiet">{idle}</p>'
    return (
        f'<article class="phone {state}" data-extension="{extension}">'
        f"<h3>{extension}</h3>{shown}</article>"
    )


def _line(pbx: "Simulator", extension: str, call: Call) -> tuple[str, str] | None:
    answer_key = _button("/answer", "Answer", call, extension, "good")
    keys = _button("/hangup", "Hang up", call, extension, "bad")
    state = "talking" if call.state == "talking" else "ringing"
    if isinstance(call, OutgoingCall):
        if call.extension != extension:
            return None
        return state, _spoken(call.client, (answer_key if call.state == "waiting" else "") + keys)
    name = call.caller_name or call.client
    if extension in call.ringing:
        return "ringing", _spoken(name, answer_key)
    if call.talker != extension:
        return None
    others = [one for one in pbx.account.extensions if one != extension][:4]
    keys += "".join(_button("/transfer", f"→ {one}", call, one, "") for one in others)
    return state, _spoken(name, keys)


def _spoken(name: str, keys: str) -> str:
    return f'<p>{escape(name)}</p><div class="keys">{keys}</div>'


def _outside(call: Call) -> str:
    keys = _button("/hangup", "Hang up", call, "", "bad")
    if isinstance(call, OutgoingCall) and call.state == "ringing":
        keys = _button("/answer", "Answer", call, "", "good") + _button(
            "/decline", "Decline", call, "", "bad"
        )
    words = {"waiting": "waits for the office", "ringing": "rings", "talking": "talks"}
    return (
        f'<article class="client {call.state}"><b>{escape(call.client)}</b>'
        f'<span>{words[call.state]}</span><div class="keys">{keys}</div></article>'
    )


def _button(path: str, label: str, call: Call, extension: str, kind: str) -> str:
    return (
        f'<form method="post" action="{path}"><input type="hidden" name="call" '
        f'value="{call.pbx_call_id}"><button name="extension" value="{extension}" '
        f'class="{kind}" aria-label="{label} {extension}">{label}</button></form>'
    )


def _row(delivery: Delivery) -> str:
    who = delivery.fields.get("internal") or delivery.fields.get("caller_id", "")
    if delivery.status is None:
        status, kind = "lost", "bad"
    else:
        status = str(delivery.status or "no answer")
        kind = "good" if delivery.status == 200 else "bad"
    return (
        f"<tr><td>{escape(delivery.event)}</td><td>{escape(who)}</td>"
        f'<td><span class="tag {kind}">{status}</span> {escape(delivery.body[:80])}</td>'
        f"<td>{delivery.seconds * 1000:.0f} ms</td></tr>"
    )
