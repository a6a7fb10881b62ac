"""Server-sent events: one stream per browser, channels, the only importer of flask_sse."""
