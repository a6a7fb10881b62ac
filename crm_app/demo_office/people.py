"""Who works in the sample office, whom it knows, and what they write."""

from crm_app.accounts.models import Role
from crm_app.search_text import normalise

DOMAIN = "escritorio.example"
DID = "351210000001"
BLOCKED = "+351939000666"

# Name, role, extension, language.
PEOPLE = (
    ("Ana Martins", Role.ADMIN, "100", "en"),
    ("Bruno Carvalho", Role.AGENT, "101", "en"),
    ("Catarina Lopes", Role.AGENT, "102", "pt"),
    ("Duarte Nunes", Role.MANAGER, "103", "en"),
    ("Inês Ferreira", Role.AGENT, "104", "pt"),
)
EXTENSIONS = tuple(extension for _name, _role, extension, _language in PEOPLE)
# How many calls each of them has; who leads the office has fewest.
SHARES = (1, 5, 4, 2, 3)
COMPANIES = (
    "Padaria Central de Aveiro", "Vinhos do Vale, Lda.", "Clínica São Rafael", "Oficina Três Rios",
    "Hotel Mirante do Douro", "Construções Alvorada", "Livraria Ponto Final", "Cerâmica Ria Azul",
)  # fmt: skip
CLIENTS = (
    "Afonso Teixeira", "Beatriz Gonçalves", "Carlos Assunção", "Daniela Simões", "Eduardo Araújo",
    "Filipa Conceição", "Gonçalo Magalhães", "Helena Baptista", "Ivo Guimarães", "Joana Serrão",
    "João Patrício", "Luísa Sequeira", "Miguel Falcão", "Nádia Caldeira", "Óscar Mourão",
    "Patrícia Lobão", "Quitéria Brandão", "Rui Estêvão", "Sónia Leitão", "Tomás Varejão",
    "Úrsula Frazão", "Vítor Galvão", "Xavier Damião", "Zélia Romão",
)  # fmt: skip
JOBS = ("Director", "Owner", "Purchasing", "Reception", "Accounting", "")
SALES = (
    "New phone system", "Yearly maintenance", "Website and shop", "Cabling of the new floor",
    "Training for the team", "Cameras at the entrance", "Replacement of the server",
)  # fmt: skip
SOURCES = ("Call", "Website", "Recommendation", "Fair")
TASKS = (
    "Send the offer", "Call back about the date", "Prepare the contract", "Ask for the tax number",
    "Check the delivery", "Arrange a visit", "Confirm the payment",
)  # fmt: skip

NOTES = (
    "Wants one invoice for the whole year.", "Prefers to be called before eleven.",
    "Compares our offer with one more, decides by the end of the month.",
)  # fmt: skip

# Outcomes with realistic frequency, and notes that sometimes go with them.
WRITTEN: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("done", 4, ("Sent the invoice once more.", "Delivery on Thursday before noon.")),
    ("interested", 3, ("Wants a quote by Friday.", "Asks for a visit next week.")),
    ("call_again", 3, ("In a meeting, back after four.", "The partner decides, ring on Monday.")),
    ("not_interested", 1, ("Has signed with somebody else until next year.",)),
    ("wrong_number", 1, ()),
)  # fmt: skip
# Why call-backs were finished without a talk.
REASONS = (
    "Wrote an e-mail instead.", "Was only a question about our opening hours.",
    "Came by in the afternoon.", "Wrong number, as their colleague says.",
)  # fmt: skip


def email_of(name: str) -> str:
    """Return the address of somebody who works here."""
    return f"{normalise(name).replace(' ', '.')}@{DOMAIN}"
