"""Which signatures came lately: the same one with another call is worth a line in the log."""

from collections import OrderedDict

MOST_REMEMBERED = 10_000


class SeenSignatures:
    """Remembers the newest signatures of this process, each with its call.

    The signature covers neither the kind of a notification nor its call: who has one could send it
    again as another call. Two callers who hide their number may rightly share one second.
    """

    def __init__(self) -> None:
        self._calls: OrderedDict[str, str] = OrderedDict()

    def is_of_another_call(self, signature: str, pbx_call_id: str) -> bool:
        """Note a signature; tell whether it came with another call before."""
        known = self._calls.setdefault(signature, pbx_call_id)
        self._calls.move_to_end(signature)
        if len(self._calls) > MOST_REMEMBERED:
            self._calls.popitem(last=False)
        return known != pbx_call_id
