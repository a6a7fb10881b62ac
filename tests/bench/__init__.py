"""Speed and memory, printed as a table with ratios of one run: `make bench`."""
