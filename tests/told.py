"""What screens were told over the bus."""

from crm_app.live import bus
from crm_app.live.messages import channel_of, missed
from crm_app.live.screen_updates import screen_updates


def told(user_id: int) -> list[str]:
    """Give what the screens of a user, or of the whole office, were told, the oldest first."""
    assert screen_updates.wait_until_sent(60)
    return [text for _number, text in missed(bus.client(), channel_of(user_id), (0, 0))]
