"""Where administrators look after users, in the browser and on the command line."""
