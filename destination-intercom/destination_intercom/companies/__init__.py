"""Companies: a record mapped to a company, compared with what this run knows, and written."""
