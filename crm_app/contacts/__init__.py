"""People and companies, their phones; who a number belongs to."""
