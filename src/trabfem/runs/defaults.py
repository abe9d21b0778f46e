"""What a study has unless it is told otherwise."""

MEMBERS = 4
"""The least number of members from which a band means something."""
