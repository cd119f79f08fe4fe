"""Counts what a judge has looked at."""

checks = 0


def check(truth, what):
    """Counts a check, or ends the run."""
    global checks
    checks += 1
    if not truth:
        raise AssertionError(what)
