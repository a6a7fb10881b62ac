"""What was recognised in recordings."""

from crm_app.simulator import sounds
from crm_app.simulator.api.method import Answer, Methods, Office, Params, RefusedError


def _recognised(office: Office, params: Params) -> Answer:
    recording_id = params.get("call_id", "")
    # The id of a call does not do, whatever the documentation shows.
    if not office.history.recordings_of(recording_id, ""):
        raise RefusedError(400, "Wrong parameters!")
    status = office.sounds.speech
    answer: dict[str, object] = {"lang": "en-GB", "recognitionStatus": status, "otherLangs": []}
    return answer | (sounds.recognised() if status == "recognized" else {})


def _start(office: Office, params: Params) -> Answer:
    office.sounds.speech = "in progress"
    return {}


METHODS: Methods = {
    ("GET", "/v1/speech_recognition/"): _recognised,
    ("PUT", "/v1/speech_recognition/"): _start,
}
