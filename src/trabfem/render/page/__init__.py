"""The report page of a run: its numbers, its words, the page itself; one file that opens in every browser."""
