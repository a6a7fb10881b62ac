"""What is loaded once is not looked through by the garbage collector."""

import json
import subprocess
import sys

LOOK = """
import gc, json
# It comes before ours.
import flask
while_loading = []
gc.callbacks.append(lambda phase, info: while_loading.append(phase))
import crm_app
gc.callbacks.clear()
print(json.dumps([len(while_loading), gc.isenabled(), gc.get_freeze_count()]))
"""


def test_the_collector_rests_while_the_application_is_loaded_and_works_afterwards() -> None:
    said = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    collections, works, left_alone = json.loads(said.stdout)
    assert collections == 0
    assert works
    assert left_alone > 100_000
