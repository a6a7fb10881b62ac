"""The bare instances that the factory binds to an application."""

from typing import TYPE_CHECKING

from flask_babel import Babel
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from crm_app.database import Base

db = SQLAlchemy(model_class=Base)
csrf = CSRFProtect()
babel = Babel()

# mypy cannot see the class that Flask-SQLAlchemy makes out of Base, so it is shown a plain one.
if TYPE_CHECKING:

    class Model(Base):
        """The base class of every table, as the type checker sees it."""

        __abstract__ = True
else:
    Model = db.Model
