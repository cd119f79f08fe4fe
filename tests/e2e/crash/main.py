"""`./test crash`: kill -9 at every call of `up` and `down`, and of `nixl-bake lock`, `build` and `prune`, continued from a computer
that knows nothing but, for a bake, the recipe and its lock.

usage: main.py FOLDER_OF_PROGRAMS [--brief] [--program NAME] [--only TEXT] [--workers N] [--no-peer]

Which calls there are is learnt from a run without faults in each scenario, so none can be forgotten; at calls that only read
it is killed in the scenarios with `reads`, in the others at all that change something. Every point is a
fresh region without machines. Afterwards the account must hold exactly what an undisturbed `up` makes, or nothing, as
boto3 sees it. A boto3 script without a tool goes through the same matrix beside it; what it leaves is counted, and is
no failure of this suite. Programs wait more than they work, so there are many workers to a core.

`--brief` takes of all scenarios each changing call once.
"""

import argparse
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import bake
import peer
from matrix import Program, Scenario, brief, go, is_read, points, rehearse
from region import PORT

# AWS is late: what was made is not seen, nor is a role, for these seconds.
LATE_SECS = 5
LATE = ("ec2.instance_visible", "ec2.security_group_visible", "ec2.tags_visible", "iam.profile_visible")


def window(name):
    return {"window": {"name": name, "length": f"{LATE_SECS}s"}}


KEY = "arn:aws:kms:us-east-1:123456789012:key/k"
# Nodes that need Elastic IPs.
MANY_CARDS = ("--instance-type", "p4d.24xlarge")
ALL = ("--mlflow",)
# Without MLflow, which the first scenarios have.
ALONE = ("--no-mlflow",)


def no_room(instance_type):
    return {"capacity": {"zone": "us-east-1a", "instance_type": instance_type, "instances": 0}}


SCENARIOS = (
    Scenario("cold", down=ALL, reads=True),
    Scenario("a zone without room first, several cards", MANY_CARDS, ALL, settings=(no_room(MANY_CARDS[1]),)),
    Scenario("AWS is late", down=ALL, settings=tuple(window(name) for name in LATE)),
    Scenario(
        "a tracking server that stops by itself, a bucket with a key",
        ("--tracking-server", "--mlflow-idle-stop", "2h", "--kms-key", KEY),
        ALL,
    ),
    Scenario("held room, a zone without first", ("--hold", *ALONE), settings=(no_room("g6.12xlarge"),)),
    Scenario("Spot", ("--market", "spot", *ALONE)),
)
MATRICES = {"nixl-launch": SCENARIOS, "nixl-bake": bake.SCENARIOS, "nixl-bake prune": bake.PRUNE_SCENARIOS}
# What a script without a tool does, too.
PEER_SCENARIOS = tuple(one for one in SCENARIOS if not one.up)


def ours(binary):
    def start(environment, home, command, arguments):
        line = [binary, command, *arguments]
        return subprocess.Popen(line, env=environment, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    return Program("nixl-launch", start)


def work(job):
    binaries, name, point, there = job
    try:
        reached, wrong = go(binaries, named(binaries, name), point, there)
    except Exception as error:  # a worker's own trouble is a failed point, with its cause
        reached, wrong = True, f"{type(error).__name__}: {error}"
    return point, reached, wrong


def named(binaries, name):
    if name == "nixl-launch":
        return ours(f"{binaries}/nixl-launch")
    if name == "nixl-bake":
        return bake.program(f"{binaries}/nixl-bake")
    return bake.prune(f"{binaries}/nixl-bake") if name == "nixl-bake prune" else peer.program()


def rehearsed(job):
    binaries, name, scenario = job
    return rehearse(binaries, named(binaries, name), scenario)


def planned(pool, binaries, name, scenarios, options):
    """All points of a program, each with what is there without a crash."""
    rehearsals = pool.map(rehearsed, [(binaries, name, scenario) for scenario in scenarios], chunksize=1)
    there = {}
    made = []
    for scenario, (calls, found) in zip(scenarios, rehearsals):
        there[scenario.name] = found
        made += points(named(binaries, name), scenario, calls)
        counts = " and ".join(f"{len(calls[command])} calls of {command}" for command in calls)
        print(f"  {name}, {scenario.name}: {counts}", flush=True)
    if options.brief:
        made = brief(made)
    made = [point for point in made if options.only in str(point)]
    return [(binaries, name, point, there[point.scenario.name]) for point in made]


def through(pool, binaries, name, scenarios, options):
    """Runs one program through its matrix: how many points failed."""
    begun = time.monotonic()
    jobs = planned(pool, binaries, name, scenarios, options)
    failed = missed = 0
    for done, (point, reached, wrong) in enumerate(pool.imap_unordered(work, jobs), 1):
        if done % 100 == 0:
            print(f"  {name}: {done} of {len(jobs)}, {time.monotonic() - begun:.0f} s", flush=True)
        missed += not reached
        # Other runs poll less often; what changes something is called at least once in each.
        if not reached and point.nth == 1 and not is_read(point.call):
            wrong = "the program never came there" + (f"; {wrong}" if wrong else "")
        if wrong:
            failed += 1
            print(f"  FAIL {name}: {point}: {wrong}", flush=True)
    took = time.monotonic() - begun
    print(
        f"  {name}: {len(jobs)} points, {failed} failed, {missed} not reached since a poll was not made, {took:.0f} s",
        flush=True,
    )
    return failed


def worker():
    """Begins a worker: with a port of its own, and ended by a signal as usual."""
    PORT.clear()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def take_down(binaries, folder):
    """Ends regions whose workers were ended."""
    for state in pathlib.Path(folder).glob("*/state"):
        environment = {**os.environ, "NIXL_REGION_STATE_DIR": str(state)}
        subprocess.run([f"{binaries}/nixl-region", "down"], env=environment, capture_output=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binaries")
    parser.add_argument("--brief", action="store_true", help="each changing call once")
    parser.add_argument("--program", choices=MATRICES, help="only this one")
    parser.add_argument("--only", default="", help="only points with this text")
    parser.add_argument("--workers", type=int, default=16 * (os.cpu_count() or 1))
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    binaries = os.path.abspath(options.binaries)
    # Who is told to end leaves nothing behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    with tempfile.TemporaryDirectory(prefix="nixl-crash-") as tempfile.tempdir:
        try:
            with multiprocessing.get_context("fork").Pool(options.workers, initializer=worker) as pool:
                failed = sum(
                    through(pool, binaries, name, scenarios, options)
                    for name, scenarios in MATRICES.items()
                    if options.program in (None, name)
                )
                if not options.no_peer:
                    through(pool, binaries, "boto3 script", PEER_SCENARIOS, options)
        finally:
            take_down(binaries, tempfile.tempdir)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
