"""The link to the telephone exchange: settings, webhooks, click-to-call, routing."""
