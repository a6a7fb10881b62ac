"""Whoever sets a new office up in the browser."""

import re

import requests

from tests.serving.running import Office


def become_administrator(office: Office, link: str) -> requests.Session:
    """Fill in the set-up form as a browser does."""
    browser = requests.Session()
    page = browser.get(link, timeout=30)
    assert page.status_code == 200
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token is not None, page.text
    answer = browser.post(
        link,
        data={
            "csrf_token": token[1],
            "name": "Alice Admin",
            "email": "alice@example.com",
            "password": "correct horse battery staple",
            "language": "en",
            "timezone": "Europe/Lisbon",
        },
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return browser
