"""Loads of a bone: activities of a usual day, their estimate from a scan, and the bone that bears load."""
