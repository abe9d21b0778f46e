"""Pictures, movies and exports of a finished run; nothing imports these."""
