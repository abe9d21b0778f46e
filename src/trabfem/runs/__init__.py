"""Studies of arms × members: running them month by month, writing, reading and summarising them."""
