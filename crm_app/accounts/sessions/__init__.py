"""Where somebody is signed in: rows, cookies, known browsers, and the count of tries."""
