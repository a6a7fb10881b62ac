"""Below a path of its host Ramal stays there: links, forms, redirects, cookies, scripts."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from crm_app import create_app, demo_office
from crm_app.accounts import links
from crm_app.accounts.models import LinkPurpose, User
from crm_app.config import Config
from crm_app.demo import make_user
from crm_app.errors import ConfigError
from crm_app.extensions import db
from crm_app.telephony.setup.health_checks import webhook_url
from crm_app.web.middleware.mount import Mount
from tests.conftest import CHEAP_HASHING
from tests.reader import Element, elements_of

HOST = "http://localhost"
PATH = "/office/crm"
PASSWORD = "tres tigres tristes"
# Attributes that browsers, htmx and our scripts follow.
FOLLOWED = re.compile(r"href|src|action|formaction|hx-(get|post)|data-.*(url|href|draft)")


@pytest.fixture
def below(app: Flask, settings: Config) -> Iterator[Flask]:
    """The same office, reached below a path."""
    public_url = f"{HOST}{PATH}"
    office = create_app(settings.model_copy(update={"public_url": public_url}))
    office.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    office.extensions["security"].pwd_context.update(**CHEAP_HASHING)
    with office.app_context():
        yield office
        db.session.remove()
        db.engine.dispose()


class Browser:
    """Asks as a browser does, through a proxy that takes the path off or leaves it on."""

    def __init__(self, office: Flask, *, is_stripped: bool) -> None:
        self._client: FlaskClient = office.test_client()
        self._is_stripped = is_stripped

    def ask(self, url: str, **sent: object) -> object:
        path = url.removeprefix(HOST)
        assert path == PATH or path.startswith(f"{PATH}/"), f"leads out: {url}"
        asked = (path.removeprefix(PATH) or "/") if self._is_stripped else path
        return self._client.open(asked, base_url=HOST, **sent)  # type: ignore[arg-type]


@pytest.fixture(params=[True, False], ids=["path taken off", "path left on"])
def browser(request: pytest.FixtureRequest, below: Flask) -> Browser:
    return Browser(below, is_stripped=request.param)


def sign_in(browser: Browser, next_page: str = "") -> object:
    make_user("Eva", email="eva@example.com", password=PASSWORD, role="admin")
    data = {"email": "eva@example.com", "password": PASSWORD, "next": next_page}
    return browser.ask(f"{PATH}/login", method="POST", data=data)


def addresses_in(elements: list[Element]) -> Iterator[str]:
    for one in elements:
        for name, value in one.attributes.items():
            if (
                FOLLOWED.fullmatch(name)
                and value
                and not value.startswith(("#", "tel:", "mailto:"))
            ):
                yield unescape(value)


def test_signing_in_stays_below_the_path(browser: Browser) -> None:
    first = browser.ask(f"{PATH}/contacts?q=ana", headers={"Accept": "text/html"})
    assert first.location == f"{PATH}/login?next={PATH}/contacts?q%3Dana"
    assert sign_in(browser, f"{PATH}/contacts?q=ana").location == f"{PATH}/contacts?q=ana"
    assert browser.ask(f"{PATH}/contacts").status_code == 200
    out = browser.ask(f"{PATH}/logout", method="POST")
    assert out.location.startswith(f"{PATH}/login")


@pytest.mark.parametrize("elsewhere", ["/", "/contacts", "/office", f"{PATH}2/", "//evil.example"])
def test_signing_in_leads_to_no_neighbour_on_the_host(browser: Browser, elsewhere: str) -> None:
    assert sign_in(browser, elsewhere).location == f"{PATH}/"


def test_cookies_of_two_offices_on_one_host_are_two(browser: Browser) -> None:
    names = {one.partition("=")[0] for one in sign_in(browser).headers.getlist("Set-Cookie")}
    assert names
    assert not names & {"session", "remember_token", "device"}


def test_every_address_on_every_page_stays_below_the_path(browser: Browser) -> None:
    demo_office.load()
    sign_in(browser)
    waiting, seen = [f"{PATH}/"], set()
    while waiting:
        page = browser.ask(waiting.pop())
        assert page.status_code < 400
        assert (page.location or PATH).startswith(PATH)
        elements = elements_of(page.text if page.mimetype == "text/html" else "")
        for address in addresses_in(elements):
            if address.startswith("?") or not address.startswith("/"):
                continue
            shape = re.sub(r"\d+|\?.*|#.*", "", address)
            assert address == PATH or address.startswith(f"{PATH}/"), address
            if shape not in seen:
                seen.add(shape)
                if not re.search("/static/|/live|logout|/(delete|restore|close|complete)", shape):
                    waiting.append(address.partition("#")[0]) if is_read(elements, address) else 0
    assert len(seen) > 40


def is_read(elements: list[Element], address: str) -> bool:
    """Tell whether an address is one that a browser gets, not one that a form posts to."""
    return any(
        address in {one.get("href"), one.get("hx-get")}
        for one in elements
        if one.tag in {"a", "section", "div", "input"}
    )


def test_what_is_done_leads_back_below_the_path(browser: Browser) -> None:
    sign_in(browser)
    made = browser.ask(
        f"{PATH}/contacts/new", method="POST",
        data={"name": "Ana", "kind": "person", "responsible_id": ""},
    )  # fmt: skip
    assert made.location.startswith(f"{PATH}/contacts/")
    quick = browser.ask(f"{PATH}/tasks?sort=newest", method="POST", data={"title": "Call"})
    assert quick.location == f"{PATH}/tasks?sort=newest"
    htmx = {"HX-Request": "true"}
    gone = browser.ask(f"{made.location}/delete", method="POST", headers=htmx)
    assert gone.headers["HX-Redirect"].startswith(f"{PATH}/contacts")
    browser.ask(f"{PATH}/logout", method="POST")
    fragment = browser.ask(
        f"{PATH}/tasks", headers={**htmx, "HX-Current-URL": f"{HOST}{PATH}/tasks?sort=newest"}
    )
    assert fragment.headers["HX-Redirect"] == f"{PATH}/login?next={PATH}/tasks?sort%3Dnewest"


def test_links_and_the_webhook_are_below_the_path(browser: Browser, below: Flask) -> None:
    sign_in(browser)
    person = {"name": "Rui", "email": "rui@example.com", "role": "agent"}
    page = browser.ask(f"{PATH}/people/new", method="POST", data=person).text
    link = re.search(rf'value="({HOST}{PATH}/invitation/[^"]+)"', page)
    assert link
    assert browser.ask(link[1]).status_code == 200
    assert webhook_url(below.extensions["settings"], "tail") == f"{HOST}{PATH}/zadarma/tail"
    assert browser.ask(f"{PATH}/zadarma?zd_echo=42").text == "42"
    user = db.session.scalars(db.select(User).where(User.name == "Rui")).one()
    token = links.make(LinkPurpose.RESET, user)
    db.session.commit()
    done = browser.ask(f"{PATH}/reset/{token}", method="POST", data={"password": PASSWORD})
    assert done.location == f"{PATH}/"


@pytest.mark.parametrize("path", ["/contacts", "/calls", "/static", "/healthz"])
def test_a_path_that_is_a_page_of_ours_is_refused_at_the_start(settings: Config, path: str) -> None:
    with pytest.raises(ConfigError, match="choose another path"):
        create_app(settings.model_copy(update={"public_url": f"{HOST}{path}"}))


@pytest.mark.parametrize(
    ("asked", "inside"),
    [
        ("/crm", "/"),
        ("/crm/", "/"),
        ("/crm/tasks", "/tasks"),
        ("/tasks", "/tasks"),
        ("/crmtasks", "/crmtasks"),
        ("/", "/"),
    ],
)
def test_it_finds_the_page_with_and_without_the_path(asked: str, inside: str) -> None:
    seen: dict[str, str] = {}
    Mount(lambda environ, _start: seen.update(environ) or [], "/crm")({"PATH_INFO": asked}, None)
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/crm", inside)


@pytest.mark.parametrize("is_stripped", [True, False])
def test_calls_and_balancers_come_in_by_any_host_below_the_path_too(
    below: Flask, is_stripped: bool
) -> None:
    start = "" if is_stripped else PATH
    client, foreign = below.test_client(), {"Host": "10.0.0.7:8000"}
    assert client.get(f"{start}/healthz", headers=foreign).status_code == 200
    assert client.post(f"{start}/zadarma", headers=foreign).status_code != 400
    assert client.get(f"{start}/login", headers=foreign).status_code == 400
