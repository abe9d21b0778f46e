"""The two errors that are reported to the user without a traceback."""


class UserError(Exception):
    """A mistake in what the user gave; one sentence naming the file or value and the remedy (exit code 2)."""


class NotConverged(Exception):
    """A solve that ended above its tolerance; what it has is kept and the sentence says so (exit code 3)."""
