"""A manager listens to the calls of an agent: filter, play, faster, on, next; all is noted."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from crm_app import clock
from crm_app.accounts.models import User
from crm_app.calls.fold.facts import Disposition, Fact, FactKind
from crm_app.calls.store import ledger
from crm_app.extensions import db
from crm_app.recordings import audio
from crm_app.recordings.models import Listening, Recording, State
from crm_app.recordings.store import Store
from crm_app.simulator.sounds import sound
from tests.browser.conftest import SignIn, eventually, until
from tests.browser.hands import Hands
from tests.browser.office import Office
from tests.browser.story import Line

PLAYING = "#player-dock .player.is-playing"


def recorded(office: Office, hours: int, extension: str, seconds: int = 60) -> int:
    """A talk of an extension, some hours ago, with its recording here."""

    def add() -> int:
        at = clock.now() - timedelta(hours=hours)
        name = f"17720000{hours:02}.1"
        fact = Fact(
            FactKind.ENDED, f"in_heard{hours}", at, caller=f"+3519100000{hours:02}",
            did="+351210000001", extension=extension, last_extension=extension,
            disposition=Disposition.ANSWERED, talk_seconds=seconds, is_recorded=True,
            recording_id=name,
        )  # fmt: skip
        call_id = ledger.record(db.session.connection(), fact, "").call_id
        place = (office.settings.data_dir / "recordings").as_uri()
        store = Store(place, office.settings.data_dir)
        path = store.new_file(f"{hours}.mp3")
        path.write_bytes(sound())
        found = audio.examine(path)
        store.put(path, f"test/{hours}.mp3")
        row = Recording(
            call_id=call_id, recording_id=name, recorded_at=at, state=State.READY,
            name=f"test/{hours}.mp3", size=len(sound()), sha256="0" * 64, seconds=found.seconds,
            peaks=found.peaks, media_type=found.media_type,
        )  # fmt: skip
        db.session.add(row)
        db.session.commit()
        return call_id

    return office.do(add)


@pytest.fixture
def calls(office: Office) -> list[int]:
    """Three talks of Bob, the latest first, and one of Erin between them."""
    found = [recorded(office, hours, "101") for hours in (1, 3, 4)]
    recorded(office, 2, "102")
    return found


@pytest.fixture
def page(office: Office, sign_in: SignIn, calls: list[int]) -> Iterator[Page]:
    """The log as Alice sees it."""
    page = sign_in("Alice", viewport={"width": 1440, "height": 860}).new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{office.url}/calls")
    yield page
    assert problems == []


def id_of_bob(office: Office) -> str:
    return office.do(
        lambda: str(db.session.scalars(db.select(User.id).filter_by(name="Bob")).one())
    )


def moment(page: Page) -> float:
    return float(page.evaluate("document.querySelector('#player-dock audio').currentTime"))


def test_it_takes_four_acts_to_hear_the_first_and_a_key_for_each_that_follows(
    office: Office, page: Page, calls: list[int]
) -> None:
    hands = Hands(page, "mouse")
    page.select_option("#recorded", "yes")
    page.wait_for_url("**recorded=yes**")
    page.select_option("#user", id_of_bob(office))
    expect(page.locator("#call-list tbody tr")).to_have_count(3)
    with hands.at_most(1):
        hands.hit(page.locator("[data-js-listen]").first)
    expect(page.locator(PLAYING)).to_be_visible()
    expect(page.locator("#player-dock [data-call]")).to_have_attribute("data-call", str(calls[0]))
    page.select_option("#player-dock .player-speed", "2")
    until(page, "document.querySelector('#player-dock audio').currentTime > 0.2")
    # Its sixteen seconds may be nearly over by now.
    page.evaluate("document.querySelector('#player-dock audio').currentTime = 1")
    before = moment(page)
    hands.press("ArrowRight")
    assert moment(page) >= before + 9.9
    hands.press("ArrowLeft")
    for call in calls[1:]:
        with hands.at_most(1):
            hands.press("n")
        expect(page.locator("#player-dock [data-call]")).to_have_attribute("data-call", str(call))
        expect(page.locator(PLAYING)).to_be_visible()
        until(page, "document.querySelector('#player-dock audio').playbackRate === 2")
    expect(page.locator("[data-js-player=next]")).to_have_count(0)
    # Winding asks for parts, and three seconds are written down: of the others, too, if they were.
    eventually(page, lambda: calls[-1] in office.do(heard_calls), "a line of the journal")
    assert set(office.do(heard_by)) == {("Alice", "listened")}


def heard_by() -> list[tuple[str, str]]:
    rows = db.session.scalars(db.select(Listening)).all()
    return [(row.user.name, row.kind) for row in rows]


def heard_calls() -> list[int | None]:
    of_call = db.select(Recording.call_id).join(Listening, Listening.recording_id == Recording.id)
    return list(db.session.scalars(of_call))


def test_it_plays_on_while_the_list_is_narrowed_and_pauses_when_another_tab_plays(
    office: Office, page: Page, calls: list[int]
) -> None:
    page.locator("[data-js-listen]").first.click()
    expect(page.locator(PLAYING)).to_be_visible()
    page.select_option("#direction", "outbound")
    expect(page.locator("#call-list tbody tr")).to_have_count(0)
    expect(page.locator(PLAYING)).to_be_visible()
    page.keyboard.press("Space")
    expect(page.locator(PLAYING)).to_have_count(0)
    page.keyboard.press("Space")
    expect(page.locator(PLAYING)).to_be_visible()
    other = page.context.new_page()
    other.goto(f"{office.url}/calls/{calls[1]}")
    other.get_by_role("button", name="Play", exact=True).click()
    expect(other.locator("#players .player.is-playing")).to_be_visible()
    expect(page.locator(PLAYING)).to_have_count(0)


def test_it_goes_on_from_where_it_was_when_the_part_of_the_page_is_swapped(
    office: Office, page: Page, calls: list[int]
) -> None:
    page.goto(f"{office.url}/calls/{calls[0]}")
    page.get_by_role("button", name="Play", exact=True).click()
    player = page.locator("#players .player")
    expect(page.locator("#players .player.is-playing")).to_be_visible()
    page.locator("#players .player-place").fill("5")
    # As when the box is drawn by another release, nothing of the old one stays.
    page.evaluate(
        "htmx.ajax('GET', location.pathname + '/players', {target: '#players', swap: 'innerHTML'})"
    )
    until(page, "document.querySelector('#players audio').currentTime >= 5")
    expect(page.locator("#players .player.is-playing")).to_be_visible()
    expect(player).to_have_attribute("data-recording-state", "ready")
    page.keyboard.press(".")
    expect(page.locator("#players .player-speed")).to_have_value("1.25")


def heard_to(page: Page, seconds: float) -> None:
    """Listen until a moment of the recording on the page of a call."""
    until(page, f"document.querySelector('#players audio').currentTime >= {seconds}")


def wind(page: Page, to: str) -> float:
    """Go to another moment of it, and say to which."""
    return float(page.locator("#players audio").evaluate(f"a => a.currentTime = {to}"))


def test_each_listening_is_a_line_of_the_journal(
    office: Office, page: Page, calls: list[int]
) -> None:
    page.goto(f"{office.url}/calls/{calls[0]}")
    page.get_by_role("button", name="Play", exact=True).click()
    heard_to(page, 4)
    eventually(page, lambda: len(office.do(heard_by)) == 1, "a line of the journal")
    # To pause, and to hear a phrase again, is the same listening.
    page.keyboard.press("Space")
    page.keyboard.press("Space")
    at = wind(page, "a.currentTime - 1")
    heard_to(page, at + 4)
    assert len(office.do(heard_by)) == 1
    # From the beginning it is another.
    wind(page, "0")
    heard_to(page, 4)
    eventually(page, lambda: len(office.do(heard_by)) == 2, "a second line")


def test_what_the_server_could_not_write_down_is_told_again(
    office: Office, page: Page, calls: list[int]
) -> None:
    line = Line(page.context, "**/heard")
    page.goto(f"{office.url}/calls/{calls[0]}")

    def refuse_once(route: Route) -> None:
        line.mend()
        route.fulfill(status=503)

    line.act = refuse_once
    page.get_by_role("button", name="Play", exact=True).click()
    eventually(page, lambda: len(office.do(heard_by)) == 1, "a line of the journal")
    assert line.asked == ["POST", "POST"]


def test_the_arrows_on_the_volume_are_the_volume(
    office: Office, page: Page, calls: list[int]
) -> None:
    page.goto(f"{office.url}/calls/{calls[0]}")
    volume = page.locator("#players .player-volume")
    volume.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(volume).to_have_value("0.9")
    assert page.evaluate("document.querySelector('#players audio').volume") == pytest.approx(0.9)
    # On the place they are ten seconds.
    page.locator("#players .player-place").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#players [data-js-time]")).to_have_text("0:10")


def test_without_scripts_there_is_the_file_alone(
    office: Office, sign_in: SignIn, calls: list[int]
) -> None:
    plain = sign_in("Alice", java_script_enabled=False).new_page()
    plain.goto(f"{office.url}/calls/{calls[0]}")
    player = plain.locator("#players .player")
    expect(player.get_by_role("link", name="Download")).to_be_visible()
    expect(player.get_by_role("button")).to_have_count(0)
    expect(player.locator("audio")).to_be_hidden()
