"""The garbage collector rests while the application is loaded, and leaves alone what was loaded.

All of it stays until the process ends. To look through it again and again, while it grows and later
with every full collection, takes a third of the time of a start and a pause of the web process.
"""

import gc

gc.disable()


def done() -> None:
    """Let the collector look after what is made from now on."""
    gc.freeze()
    gc.enable()
