"""HTML plumbing: fragments, access, error pages, formatting."""
