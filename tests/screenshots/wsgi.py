"""The application of the sample office, in which it is always the same morning."""

import time_machine

from crm_app import create_app
from tests.screenshots.morning import MORNING

time_machine.travel(MORNING, tick=True).start()
app = create_app()
