"""The report page of a run: one file that opens in any browser, without server or network."""
