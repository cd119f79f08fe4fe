"""`./bench launch`: round trips of `nixl-launch up` beside a straightforward boto3 script.

In a region without machines (their boot is no part of this), each run in a fresh one, ours and the script in turn.
Requests and depth: calls up to and with the RunInstances that launched, and how many of them waited for each other,
as the region's log of calls has it (`nixl-region calls`). First: the depth of the first RunInstances; a placement group is pending for
0.7 s in the region, so one that is sent at once is refused and sent again. Every call of the laptop is answered 80 ms late, which is
far more than a call takes, so what is told side by side was asked side by side. Wall: from the start of the
program to the answer of that RunInstances.
Cold: an account without anything. Warm: after `down --keep-free`, for the script after its own `down`, which has no such
thing. Refused: RunInstances finds no room in the first k zones.
Ours are the unoptimized programs that `./test` tests, without MLflow, which the script has not.
"""

import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e/crash"))

from region import Region  # noqa: E402

RUNS = 3
DELAY = "80ms"
TYPE = "g6.12xlarge"
ZONES = "abcdef"
LAUNCH = "ec2:RunInstances"


class Ours:
    def __init__(self, binaries):
        self.binary = f"{binaries}/nixl-launch"

    def line(self, command):
        return [self.binary, command, *(["--no-mlflow"] if command == "up" else ["--keep-free"])]


class Script:
    def line(self, command):
        return [sys.executable, str(ROOT / "scripts/boto3_pair.py"), command]


def run(region, line):
    environment, home = region.elsewhere()
    done = subprocess.run(line, env=environment, cwd=home, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench: {' '.join(line)}: {done.stdout}{done.stderr}")


def full(zones):
    return [{"capacity": {"zone": f"us-east-1{zone}", "instance_type": TYPE, "instances": 0}} for zone in zones]


def measured(binaries, program, refusals=0, warm=False):
    """Requests to the launch, depth of the first RunInstances and of the launch, milliseconds to it."""
    with Region(binaries, full(ZONES[:refusals])) as region:
        if warm:
            run(region, program.line("up"))
            run(region, program.line("down"))
        before = region.ask("GET", "calls?caller=administrator")["calls"]
        since = max((call["sequence"] for call in before), default=0)
        region.ask("POST", "faults", [{"fault": {"call": "*", "caller": "administrator", "delay": DELAY}}])
        begun = time.time()
        run(region, program.line("up"))
        calls = region.ask("GET", f"calls?caller=administrator&since={since}")["calls"]
    launches = [call for call in calls if f"{call['service']}:{call['operation']}" == LAUNCH]
    launch = next(call for call in launches if call["outcome"] == "OK")
    asked = [call for call in calls if call["started_micros"] <= launch["started_micros"]]
    requested = datetime.datetime.fromisoformat(launch["time"]).timestamp()
    wall_ms = (requested - begun) * 1000 + launch["latency_micros"] / 1000
    return len(asked), launches[0]["depth"], launch["depth"], wall_ms


CASES = (
    ("cold", {}),
    ("warm", {"warm": True}),
    ("refused_once", {"refusals": 1}),
    ("refused_thrice", {"refusals": 3}),
)
MEASURES = (("requests", "requests"), ("first", "round trips"), ("depth", "round trips"), ("wall", "ms"))


def main():
    binaries, as_json = os.path.abspath(sys.argv[1]), "--json" in sys.argv[2:]
    programs = (Ours(binaries), Script())
    if not as_json:
        print(f"{'':28}{'ours':>10}{'script':>10}  unit           ratio")
    for case, how in CASES:
        rounds = [[measured(binaries, program, **how) for program in programs] for _ in range(RUNS)]
        for at, (measure, unit) in enumerate(MEASURES):
            ours, peer = (statistics.median(one[which][at] for one in rounds) for which in (0, 1))
            ratio = ours / peer
            if as_json:
                name = f"launch.{case}.{measure}"
                print(json.dumps({"name": name, "ours": ours, "peer": peer, "unit": unit, "ratio": ratio}), flush=True)
            else:
                print(f"{case + ' ' + measure:28}{ours:10.0f}{peer:10.0f}  {unit:12}{ratio:8.2f}", flush=True)


if __name__ == "__main__":
    main()
