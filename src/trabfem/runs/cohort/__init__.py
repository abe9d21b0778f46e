"""Cohorts: the same analyses of many scans, each scan a row of one table; resumed, and never stopped by one row."""
