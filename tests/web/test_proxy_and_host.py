"""Headers of a proxy count only from a proxy, and only our own hosts are answered."""

from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from crm_app import config
from crm_app.proxies import Proxies
from crm_app.telephony.webhook.verification import is_allowed_sender
from crm_app.web.middleware.proxy_and_host import ProxyAndHost

PBX = "185.45.152.41"


def through(
    headers: dict[str, str] | None = None,
    *,
    peer: str = "127.0.0.1",
    path: str = "/",
    **changes: Any,
) -> tuple[int, dict[str, str]]:
    """Send a request to the front; give the status and what the application saw."""
    seen: dict[str, str] = {}

    def inside(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.update(
            sender=environ["REMOTE_ADDR"], scheme=environ["wsgi.url_scheme"],
            host=environ.get("HTTP_HOST", ""), mount=environ["SCRIPT_NAME"],
        )  # fmt: skip
        start_response("200 OK", [])
        return []

    settings = config.load(_env_file=None, **changes)
    environ = EnvironBuilder(path=path, headers=headers).get_environ()
    environ["REMOTE_ADDR"] = peer
    if headers and headers.get("Host") == "none":
        del environ["HTTP_HOST"]
    _body, status, _headers = run_wsgi_app(ProxyAndHost(inside, settings), environ)
    return int(status.split()[0]), seen


@pytest.mark.parametrize(
    ("setting", "peer", "is_proxy"),
    [
        ("1", "127.0.0.1", True),
        ("1", "::1", True),
        ("1", "::ffff:127.0.0.1", True),
        ("1", "", True),
        ("1", "10.1.2.3", False),
        ("1", "127.0.0.2", False),
        ("1,10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8 , 1", "::ffff:10.1.2.3", True),
        ("1,10.0.0.0/8", "127.0.0.1", False),
        ("1,10.0.0.0/8", "11.1.2.3", False),
        ("1,2001:db8::/32", "2001:db8::7", True),
        ("0", "127.0.0.1", False),
    ],
)
def test_a_proxys_headers_count_only_from_a_proxy(setting: str, peer: str, is_proxy: bool) -> None:
    headers = {"X-Forwarded-For": PBX, "X-Forwarded-Proto": "https"}
    _status, seen = through(headers, peer=peer, trusted_proxies=setting)
    assert seen["sender"] == (PBX if is_proxy else peer)
    assert seen["scheme"] == ("https" if is_proxy else "http")


@pytest.mark.parametrize(
    "written",
    [
        f"{PBX}%eth0",
        f'"{PBX}"',
        f"{PBX}:443",
        f"[::ffff:{PBX}]",
        f"::ffff:{PBX}%1",
        "185.45.152.041",
        "3106772009",
        "0xb9.45.152.41",
        "unknown",
        f'{PBX}, "x',
    ],
)
def test_an_odd_writing_of_an_address_is_nobodys(written: str) -> None:
    status, seen = through({"X-Forwarded-For": written}, trusted_proxies="1")
    assert status == 200
    assert seen["sender"] == ""


def test_a_quote_does_not_hide_what_the_proxies_have_added() -> None:
    # The quote would swallow the two addresses behind it, and the client's own would count.
    written = f'{PBX}, "a, 203.0.113.7, 10.0.0.1'
    _status, seen = through({"X-Forwarded-For": written}, trusted_proxies="2")
    assert seen["sender"] == ""
    plain = f"{PBX}, 203.0.113.7, 10.0.0.1"
    assert through({"X-Forwarded-For": plain}, trusted_proxies="2")[1]["sender"] == "203.0.113.7"


def test_the_mount_point_never_comes_from_a_header() -> None:
    headers = {"X-Forwarded-Prefix": "//evil.example"}
    assert through(headers, trusted_proxies="1")[1]["mount"] == ""


def test_the_host_never_comes_from_a_header_when_we_know_our_own() -> None:
    headers = {"Host": "crm.example.com", "X-Forwarded-Host": "evil.example"}
    public = {"public_url": "https://crm.example.com", "trusted_proxies": "1"}
    assert through(headers, **public)[1]["host"] == "crm.example.com"
    assert through(headers, trusted_proxies="1")[1]["host"] == "evil.example"
    assert through(headers, peer="10.0.0.9", trusted_proxies="1")[1]["host"] == "crm.example.com"


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("crm.example.com", True),
        ("CRM.example.com.:8443", True),
        ("127.0.0.1:8000", True),
        ("localhost", True),
        ("[::1]:8000", True),
        ("evil.example", False),
        ("crm.example.com.evil.example", False),
        ("evil.example/crm.example.com", False),
        ("crm.example.com@evil.example", False),
        ("crm.example.com, evil.example", False),
        ("192.168.1.2", False),
        ("none", False),
    ],
)
def test_only_our_own_hosts_are_answered_when_we_know_them(host: str, is_ours: bool) -> None:
    status, seen = through({"Host": host}, public_url="https://crm.example.com")
    assert status == (200 if is_ours else 400)
    assert bool(seen) is is_ours


def test_a_request_without_a_host_is_refused() -> None:
    assert through({"Host": "none"})[0] == 400
    assert through({"Host": "none"}, path="/login")[0] == 400
    assert through({"Host": "any.name.of.the.machine"})[0] == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_a_balancer_asks_by_whatever_address_it_knows(path: str) -> None:
    public = "https://crm.example.com"
    for host in ("203.0.113.9:8000", "ramal", "none"):
        assert through({"Host": host}, path=path, public_url=public)[0] == 200


def test_a_proxy_that_names_another_host_costs_no_call() -> None:
    public = "https://crm.example.com"
    for path in ("/zadarma", "/zadarma/token"):
        assert through({"Host": "upstream"}, path=path, public_url=public)[0] == 200
    assert through({"Host": "upstream"}, path="/zadarmaX", public_url=public)[0] == 400


def test_a_private_address_is_ours_when_we_listen_on_all_of_them() -> None:
    everywhere = {"public_url": "https://crm.example.com", "bind": "0.0.0.0:8000"}
    assert through({"Host": "192.168.1.2:8000"}, **everywhere)[0] == 200
    assert through({"Host": "8.8.8.8:8000"}, **everywhere)[0] == 400
    there = everywhere | {"bind": "192.168.1.2:8000"}
    assert through({"Host": "192.168.1.2:8000"}, **there)[0] == 200


def test_a_host_in_another_alphabet_is_ours_as_browsers_write_it() -> None:
    public = {"public_url": "https://escritório.example.com"}
    assert through({"Host": "xn--escritrio-b7a.example.com"}, **public)[0] == 200


@pytest.mark.parametrize("text", ["yes", "-1", "11", "1,2", "0,10.0.0.0/8", "1,10.0.0.1/8", "1,x"])
def test_a_number_and_networks_are_read_strictly(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        Proxies.read(text)


@pytest.mark.parametrize("text", ["0", "1", "2,10.0.0.0/8", "1,10.0.0.0/8,2001:db8::/32"])
def test_it_is_written_as_it_is_read(text: str) -> None:
    assert str(Proxies.read(text)) == text


def test_an_odd_writing_of_the_pbxs_address_is_not_in_its_network() -> None:
    strict = config.load(_env_file=None)
    assert is_allowed_sender(PBX, strict)
    assert is_allowed_sender(f"::ffff:{PBX}", strict)
    for odd in (f"{PBX}%eth0", f"::ffff:{PBX}%eth0", f'"{PBX}"', "", f" {PBX}", f"{PBX}:443"):
        assert not is_allowed_sender(odd, strict), odd
