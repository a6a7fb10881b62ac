"""The stages that a new office has."""

import pytest
from flask import Flask

from crm_app.extensions import db
from crm_app.leads import services


@pytest.fixture
def pipeline(app: Flask) -> None:
    services.ensure_stages()
    db.session.commit()
