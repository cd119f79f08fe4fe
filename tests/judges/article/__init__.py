"""A pair as people launch it by hand, and the commands they look at it with."""
