"""The page of security events; the events themselves are in `crm_app.security`."""
