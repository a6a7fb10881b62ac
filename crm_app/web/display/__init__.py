"""How values are shown: dates, numbers, amounts, sentences; links, and the files of pages."""
