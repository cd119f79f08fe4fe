"""`nixl-bake` as a program of the matrix: one image, one build that made it, and nothing to do afterwards.

A home holds nothing. Recipe, components and lock are where a checkout has them, the same for all runs in a region.
"""

import os
import pathlib
import subprocess

from audit import audit, counted
from matrix import Program, Scenario

IMAGE = pathlib.Path(__file__).parents[3] / "image"
# Documents are not run, so any program can stand for the daemon; a small one is uploaded faster.
DAEMON = "/usr/bin/env"
# Who calls, and which image has this content (issue: at most three).
NOTHING_TO_DO_CALLS = 3
LATE = {"window": {"name": "iam.profile_visible", "length": "5s"}}
FAILS_ONCE = """
[[failing]]
component = "noded"
message = "disk full"
builds = 1
"""

SCENARIOS = (
    Scenario("cold", reads=True),
    Scenario("IAM is late", settings=(LATE,)),
    Scenario("a build that failed before", script=FAILS_ONCE, before=("build",)),
)


def program(binary):
    def start(environment, home, command, _):
        lock = os.path.join(os.path.dirname(home), "lock")
        os.makedirs(lock, exist_ok=True)
        line = [binary, command, "--recipe", f"{IMAGE}/recipe.toml", "--lock-dir", lock, "--noded", DAEMON]
        return subprocess.Popen(line, env=environment, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    return Program(
        "nixl-bake",
        start,
        commands=("lock", "build"),
        then=("build",),
        removes="",
        together=("build",),
        at_last=nothing_to_do,
    )


def nothing_to_do(run):
    """One image that one build made, and a further run that finds it and makes nothing."""
    before = audit(run.region.environment)
    kinds = counted(before)
    if (kinds.get("image available"), kinds.get("build AVAILABLE")) != (1, 1):
        return f"not one image of one build: {kinds}"
    seen = len(run.region.laptop_calls())
    complaint = run.finish("build")
    calls = run.region.laptop_calls()[seen:]
    if len(calls) > NOTHING_TO_DO_CALLS:
        return f"nothing is to do, and it calls {calls}"
    if audit(run.region.environment) != before:
        return "there was nothing to do, and something changed"
    return complaint
