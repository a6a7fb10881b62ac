"""How values are shown: dates, numbers, amounts, whole sentences, and the links between pages."""
