"""The page of call-backs."""

from flask import Blueprint

bp = Blueprint("callbacks", __name__, url_prefix="/callbacks")
