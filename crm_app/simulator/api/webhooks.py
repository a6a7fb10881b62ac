"""Where notifications go, and which of them are on."""

import http.client
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from crm_app.simulator.account import CALL_FLAGS, OTHER_FLAGS
from crm_app.simulator.api.method import Answer, Method, Methods, Office, Params, RefusedError, word
from crm_app.simulator.posting import fetch

_CHECK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Family:
    """One of the two addresses of an account: its path, its name in it, and its switches."""

    path: str
    address: str
    switches: str
    names: tuple[str, ...]

    def methods(self) -> dict[tuple[str, str], Method]:
        """Return the methods of this family."""
        return {
            ("GET", f"{self.path}/"): self._show,
            ("POST", f"{self.path}/url/"): self._set_url,
            ("DELETE", f"{self.path}/url/"): self._drop_url,
            ("POST", f"{self.path}/{self.switches}/"): self._set_flags,
        }

    def _show(self, office: Office, params: Params) -> Answer:
        return {"url": getattr(office.account, self.address)} | self._flags(office)

    def _set_url(self, office: Office, params: Params) -> Answer:
        url = _echoing(params.get("url", ""))
        setattr(office.account, self.address, url)
        return {"url": url}

    def _drop_url(self, office: Office, params: Params) -> Answer:
        setattr(office.account, self.address, "")
        return {}

    def _set_flags(self, office: Office, params: Params) -> Answer:
        given = {name: params[name] for name in self.names if name in params}
        if any(flag not in ("true", "false") for flag in given.values()):
            raise RefusedError(400, "Wrong parameters!")
        office.account.flags.update({name: flag == "true" for name, flag in given.items()})
        return self._flags(office)

    def _flags(self, office: Office) -> dict[str, object]:
        return {self.switches: {name: word(office.account.flags[name]) for name in self.names}}


def _echoing(url: str) -> str:
    if urlsplit(url).scheme not in ("http", "https"):
        raise RefusedError(400, "Wrong parameters!")
    text = secrets.token_hex(8)
    check = f"{url}{'&' if urlsplit(url).query else '?'}zd_echo={text}"
    try:
        status, body = fetch("GET", check, None, {}, _CHECK_SECONDS)
    except (OSError, ValueError, http.client.HTTPException):
        status, body = 0, ""
    if status != 200 or body != text:
        # The real one says no more about an address that does not return the echo.
        raise RefusedError(400, "Wrong parameters!")
    return url


_CALLS = _Family("/v1/pbx/callinfo", "webhook_url", "notifications", CALL_FLAGS)
_OTHERS = _Family("/v1/pbx/webhooks", "events_url", "hooks", OTHER_FLAGS)
METHODS: Methods = _CALLS.methods() | _OTHERS.methods()
