"""The cards of live calls: whose screen shows which, and what is on them."""
