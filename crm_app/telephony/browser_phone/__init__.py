"""The phone in the browser: the PBX maker's own, in a window of its own."""
