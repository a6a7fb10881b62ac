"""The states of the open card, one after the other, with names as long as names may be."""

from collections.abc import Iterator

from crm_app.calls.fold.facts import FactKind
from crm_app.demo import make_contact, make_lead, make_task
from tests.browser.office import LINE, Office
from tests.browser.story import ANA, OPEN, RUI, STRANGER

LONG_NAME = "Maria Madalena Vasconcelos-Albuquerque de Bragança e Távora Figueiredo"
LONG_COMPANY = "Transportes-Internacionais-e-Logística-do-Noroeste-Peninsular, Sociedade Unipessoal"
LONG_TITLE = "Manutenção preventiva regular de todas as câmaras frigoríficas e de congelação"
SHARED, NAMED = "+351910000044", ANA


def add_long_names(office: Office) -> None:
    """Add a client with long names, somebody short, and two who share a number."""

    def add() -> None:
        company = make_contact(LONG_COMPANY, kind="company")
        contact = make_contact(LONG_NAME, phones=(NAMED,), company=company)
        lead = make_lead(LONG_TITLE, contact=contact, value_cents=98765432100)
        make_task(LONG_TITLE, contact=contact, lead=lead)
        make_contact("Rui Costa", phones=(RUI,))
        for name in (LONG_NAME + " filha", "Eva Sousa"):
            person = make_contact(name, phones=(SHARED,), company=company)
            make_lead(LONG_TITLE, contact=person)

    office.do(add)


def each_state(
    office: Office, mine: str = "101", colleague: str = "102"
) -> Iterator[tuple[str, str, int]]:
    """Bring about one state after the other; gives its name, its card, and how many more ring."""

    def card(call: str, state: str) -> str:
        return f"{OPEN}[data-call-id='{call}'][data-state={state}]"

    for name, number in (
        ("known", NAMED), ("stranger", STRANGER), ("several", SHARED), ("hidden", ""),
    ):  # fmt: skip
        call = office.ring(number, mine)
        yield f"{name} rings", card(call, "ringing"), 0
        office.answer(call, mine)
        yield f"{name} talks", card(call, "answered"), 0
        office.end(call, talk_seconds=3725)
        yield f"{name} ended", card(call, "ended"), 0
    call = office.ring(NAMED, colleague)
    office.answer(call, colleague)
    told = {"caller": NAMED, "did": LINE, "extension": mine, "transfer_from": colleague}
    office.fact(FactKind.RANG, call, **told)
    yield "handed over", card(call, "ringing"), 0
    office.answer(call, mine)
    for number in (NAMED, STRANGER, SHARED, RUI, "+351910000045"):
        office.ring(number, mine)
    yield "many", card(call, "answered"), 5
