"""The call log: facts, the fold over them, recordings, pop-ups."""
