"""Arms × members: carried out month by month, written, read again, and summed up."""
