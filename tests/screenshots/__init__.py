"""Photographs of every page, and the list of pages that the browser tests walk through."""
