"""The AWS CLI, as a person types it."""

import json
import os
import subprocess
import sys
import time

from counting import check

# That of the virtual environment this runs in.
AWS = os.path.join(os.path.dirname(sys.executable), "aws")


def aws(*words):
    """What a command prints, without the last line's end."""
    done = subprocess.run([AWS, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"aws {' '.join(words)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout.rstrip("\n")


def shown(*words):
    """What a command prints, read as JSON."""
    return json.loads(aws(*words, "--output", "json"))


def until(what, wanted, *words, seconds=120):
    """Repeats a command until it prints what is wanted; the waiters of the CLI ask only every 15 s."""
    end = time.monotonic() + seconds
    while True:
        printed = aws(*words, "--output", "text")
        if printed == wanted:
            return check(True, what)
        if time.monotonic() > end:
            raise AssertionError(f"{what}: {printed!r} instead of {wanted!r} after {seconds} s")
        time.sleep(0.5)
