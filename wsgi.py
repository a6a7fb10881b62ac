"""The WSGI entry point."""

from crm_app import create_app

app = create_app()
