"""The maker's browser phone: its key, where its scripts are, and what a page must let through."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self
from urllib.parse import urlsplit

from crm_app.telephony.zadarma.replies import Answer, UnreadableReplyError, flag, text

# The newest known; https://zadarma.com/en/support/api/#api_webrtc_get_key names none.
_SCRIPTS = (
    "/webphoneWebRTCWidget/v9/js/loader-phone-lib.js?sub_v=1",
    "/webphoneWebRTCWidget/v9/js/loader-phone-fn.js?sub_v=1",
)
_LANGUAGES = {"ru", "en", "es", "fr", "de", "pl", "ua"}
KEY_LASTS_FOR = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class PhoneKey:
    """A key of the browser phone, and the login of the phone that it is for."""

    key: str = field(repr=False)
    login: str


@dataclass(frozen=True, slots=True)
class Widget:
    """Where the browser phone comes from: scripts in their order, and sources by directive of a
    Content-Security-Policy.
    """

    scripts: tuple[str, ...]
    sources: Mapping[str, str]

    @classmethod
    def beside(cls, api_url: str) -> Self:
        """Find the one that belongs to an address of the API.

        The sources are those that the scripts of version 9 were seen to use.
        """
        parts = urlsplit(api_url)
        origin = f"{parts.scheme}://{parts.netloc}"
        label, _, domain = (parts.hostname or "").partition(".")
        if not label.startswith("api") or not domain:
            # A PBX that is played has everything at one address.
            return cls._from(origin, origin, origin)
        pages = f"https://my.{domain}"
        sockets = f"https://ws.{domain} wss://ws.{domain} wss://*.{domain}:4443"
        return cls._from(pages, f"{pages} https://api.{domain}", sockets)

    @classmethod
    def _from(cls, pages: str, scripts: str, sockets: str) -> Self:
        sources = {
            "script-src": scripts,
            "connect-src": f"{scripts} {sockets}",
            "media-src": f"{pages} blob:",
            # It writes its look into the page.
            "style-src": f"{pages} 'unsafe-inline'",
            "img-src": pages,
            "font-src": pages,
        }
        return cls(tuple(pages + script for script in _SCRIPTS), sources)


def language_of(ours: str) -> str:
    """Choose the language that the browser phone speaks."""
    return ours if ours in _LANGUAGES else "en"


def domains(answer: Answer) -> tuple[str, ...] | None:
    """Read on which hosts the browser phone may be used; None when it is not set up."""
    found = answer.get("domains")
    if not flag(answer, "is_exists"):
        return None
    if not isinstance(found, list):
        raise UnreadableReplyError("The domains are missing.")
    return tuple(str(one).strip().casefold() for one in found)


def key_for(login: str, answer: Answer) -> PhoneKey:
    """Read the key of a phone; raises UnreadableReplyError when there is none."""
    key = text(answer, "key")
    if not key:
        raise UnreadableReplyError("The key is missing.")
    return PhoneKey(key, login)
