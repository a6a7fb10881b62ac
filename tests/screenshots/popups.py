"""What pops up: the states of a call's card, each brought about by the PBX."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa
from playwright.sync_api import Page

from crm_app.calls.models import Call
from crm_app.contacts.models import ContactPhone
from crm_app.extensions import db
from crm_app.leads.models import Lead
from crm_app.simulator.calls import IncomingCall, OutgoingCall
from tests.screenshots.sample import SampleOffice

CARD = "[role=alertdialog]"
MINE = "100"
COLLEAGUE = "101"
STRANGER = "34612000777"
TALK_SECONDS = 154


@dataclass(slots=True)
class Scene:
    """The office, the page that looks at it, and the calls of one picture."""

    office: SampleOffice
    page: Page
    calls: list[IncomingCall | OutgoingCall] = field(default_factory=list)

    def ring(self, number: str) -> IncomingCall:
        """Let somebody call, and wait for the card."""
        call = self.office.pbx.ring(number, [MINE, COLLEAGUE])
        self.calls.append(call)
        self.page.wait_for_selector(f"[data-call-id='{call.pbx_call_id}']", state="attached")
        return call

    def wait(self, state: str) -> None:
        """Wait until a card is in a state."""
        self.page.wait_for_selector(f"{CARD}[data-state={state}]")

    def answer(self, number: str) -> IncomingCall:
        """Let somebody call and pick up."""
        call = self.ring(number)
        call.answer(MINE)
        self.wait("answered")
        return call


def ringing(scene: Scene) -> None:
    """A client rings."""
    scene.ring(client(scene.office))


def answered(scene: Scene) -> None:
    """The client is talked with."""
    scene.answer(client(scene.office))
    scene.office.let_pass(TALK_SECONDS)
    scene.page.reload()
    scene.wait("answered")


def ended(scene: Scene) -> None:
    """The client has hung up."""
    call = scene.answer(client(scene.office))
    scene.office.let_pass(TALK_SECONDS)
    call.hang_up()
    scene.wait("ended")


def stranger(scene: Scene) -> None:
    """Somebody rings whom nobody knows."""
    scene.ring(STRANGER)


def new_lead(scene: Scene) -> None:
    """The stranger is made a lead."""
    scene.ring(STRANGER)
    scene.page.get_by_text("New lead", exact=True).last.click()


def stack(scene: Scene) -> None:
    """A talk, and four more who ring."""
    scene.answer(client(scene.office))
    for number in (STRANGER, *clients(scene.office)[2:5]):
        scene.ring(number)


def outgoing(scene: Scene) -> None:
    """A client was called by a click: first the own phone rings."""
    before = len(scene.office.pbx.live_calls)
    scene.page.locator("main button[data-call-number]").first.click()
    scene.page.wait_for_selector("[data-dial-state=accepted]")
    scene.calls.extend(
        list(scene.office.pbx.live_calls)[: len(scene.office.pbx.live_calls) - before]
    )


SCENES: dict[str, Callable[[Scene], None]] = {
    "popup": ringing,
    "popup-answered": answered,
    "popup-ended": ended,
    "popup-stranger": stranger,
    "popup-new-lead": new_lead,
    "popup-stack": stack,
    "popup-outgoing": outgoing,
}


@contextmanager
def played(name: str, office: SampleOffice, page: Page) -> Iterator[None]:
    """Play a scene; afterwards all its calls are over and forgotten."""
    last = office.do(lambda: db.session.scalar(sa.select(sa.func.max(Call.id))))
    page.wait_for_selector("#lamp[data-live-state=ok]", state="attached")
    scene = Scene(office, page)
    SCENES[name](scene)
    yield
    # A page that still looks would ask for calls that are forgotten.
    page.goto("about:blank")
    office.pbx.talk_seconds = 0
    for call in scene.calls:
        call.hang_up()
    office.do(lambda: forget_calls_after(last))


def forget_calls_after(last: int | None) -> None:
    """Delete the calls that a scene left, and all that hangs on them."""
    late = sa.select(Call.id).where(Call.id > (last or 0))
    for table in reversed(db.metadata.sorted_tables):
        for key in table.foreign_keys:
            if key.column.table is Call.__table__:
                db.session.execute(table.delete().where(key.parent.in_(late)))
        if table.name == "dial_request":
            db.session.execute(table.delete())
    db.session.execute(sa.delete(Call).where(Call.id.in_(late)))


def clients(office: SampleOffice) -> list[str]:
    """List the main numbers of clients who have a lead, without the plus, as the PBX writes."""
    statement = (
        sa.select(ContactPhone.number)
        .join(Lead, Lead.contact_id == ContactPhone.contact_id)
        .where(ContactPhone.is_main)
        .order_by(Lead.id)
    )
    return [
        number.removeprefix("+")
        for number in office.do(lambda: db.session.scalars(statement).all())
    ]


def client(office: SampleOffice) -> str:
    """Give the number of the client with the first lead."""
    return clients(office)[0]
