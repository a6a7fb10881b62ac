"""Click-to-call: dial requests, the calls that come of them, the cards that show their state."""
