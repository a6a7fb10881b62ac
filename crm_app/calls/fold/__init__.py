"""The fold: a call is what its facts say. Pure: no web, no database, no clock."""
