"""What is stored about the browser in which somebody signs in."""

from crm_app.accounts.sessions.services import Device
from crm_app.security.addresses import shortened

# The first match wins: nearly every browser also claims to be some of the others.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi", "Vivaldi"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("; Cr", "ChromeOS"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


def device(user_agent: str, address: str) -> Device:
    """Name a browser and its system as people do ("" when unknown), and its network."""
    return Device(_first(BROWSERS, user_agent), _first(SYSTEMS, user_agent), shortened(address))


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for sign, name in names if sign in user_agent), "")
