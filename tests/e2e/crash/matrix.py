"""One program through the matrix: it is killed at every call, at three points each, and continued elsewhere.

`before`: the request is sent, and never carried out. `after`: it is carried out, and the answer never arrives.
`next`: the answer arrives, and nothing that the program asks after it. The region holds the call at that point, so
that kill -9 finds the program exactly there.
"""

import dataclasses
import os
import signal
import subprocess
import time

from audit import audit, counted
from region import Region

READS = ("Describe", "Get", "List", "Head")
# The region's words for each point; what is held before it is carried out never is.
POINTS = {
    "before": {"hold": "before", "drop": "before"},
    "after": {"hold": "after"},
    "next": {"hold": "next", "drop": "before"},
}
TOLD = {"before": "request lost", "after": "answer lost", "next": "answer received"}
# What is held waits; a look costs as much as a call.
LOOK_EVERY_SECS = 0.1
PATIENCE_SECS = 180


@dataclasses.dataclass(frozen=True)
class Program:
    """Something with an `up` and a `down`."""

    name: str
    # (environment, working folder, "up" or "down", its arguments) -> what Popen takes.
    start: object
    timeout_secs: int = PATIENCE_SECS


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What is asked for, in a region that was made ready for it."""

    name: str
    up: tuple = ()
    down: tuple = ()
    settings: tuple = ()
    # Whether it is killed at calls that only read, too: they change nothing, so in one scenario is enough.
    reads: bool = False


@dataclasses.dataclass(frozen=True)
class Point:
    """Where the program is killed, and what continues it."""

    scenario: Scenario
    command: str
    call: str
    nth: int
    when: str
    then: str

    def __str__(self):
        return f"{self.scenario.name}: {self.command}, {self.call} #{self.nth}, {TOLD[self.when]}, then {self.then}"


class Run:
    """A program in a region."""

    def __init__(self, region, program, scenario):
        self.region, self.program, self.scenario = region, program, scenario

    def start(self, command):
        environment, home = self.region.elsewhere()
        return self.program.start(environment, home, command, getattr(self.scenario, command))

    def finish(self, command):
        """Runs it to its end: what it complained of, or nothing."""
        process = self.start(command)
        try:
            told = process.communicate(timeout=self.program.timeout_secs)[1] or b""
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return f"`{command}` did not end within {self.program.timeout_secs} s"
        if process.returncode:
            lines = [line for line in told.decode(errors="replace").splitlines() if line.strip()]
            return f"`{command}` ended with {process.returncode}: {' / '.join(lines[-3:])}"
        return None

    def kill_at(self, point):
        """True if the program came to the point; it is dead in any case."""
        fault = {"call": point.call, "caller": "administrator", "nth": point.nth, **POINTS[point.when]}
        (fault_id,) = self.region.ask("POST", "faults", [{"fault": fault}])
        process = self.start(point.command)
        end = time.monotonic() + self.program.timeout_secs
        held = fired = False
        while process.poll() is None and not held and time.monotonic() < end:
            time.sleep(LOOK_EVERY_SECS)
            (seen,) = [one for one in self.region.ask("GET", "faults") if one["id"] == fault_id]
            held, fired = seen["holding"] > 0, seen["fired"] > 0
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        (seen,) = [one for one in self.region.ask("GET", "faults") if one["id"] == fault_id]
        # What was held goes on its way, which the fault decides.
        self.region.ask("DELETE", f"faults/{fault_id}")
        # After the last answer there is nothing to hold.
        return held or (point.when == "next" and seen["fired"] > 0)


def rehearse(binaries, program, scenario):
    """Runs up and down undisturbed: the calls of each, and what is there between the two."""
    with Region(binaries, scenario.settings) as region:
        run = Run(region, program, scenario)
        calls, seen = {}, 0
        there = {}
        for command in ("up", "down"):
            if complaint := run.finish(command):
                raise RuntimeError(f"{program.name}, {scenario.name}: {complaint}")
            made = region.laptop_calls()
            calls[command] = made[seen:]
            if command == "up":
                there = counted(audit(region.environment))
            # What the audit called is none of the program's.
            seen = len(region.laptop_calls())
        if left := audit(region.environment):
            raise RuntimeError(f"{program.name}, {scenario.name}: left without any crash: {left}")
        return calls, there


def is_read(call):
    return call.split(":")[1].startswith(READS)


def points(scenario, calls):
    """Every call of both commands, at every point, continued both ways."""
    for command, made in calls.items():
        for call in sorted(set(made)):
            if is_read(call) and not scenario.reads:
                continue
            for nth in range(1, made.count(call) + 1):
                for when in POINTS:
                    for then in ("up", "down"):
                        yield Point(scenario, command, call, nth, when, then)


def brief(points):
    """Of the points of all scenarios, each call that changes something once: at its first time, in the first scenario
    that has it, carried out and unanswered."""
    seen = set()
    for point in points:
        what = (point.command, point.call, point.then)
        if point.when == "after" and not is_read(point.call) and what not in seen:
            seen.add(what)
            yield point


def go(binaries, program, point, there):
    """(reached, what is wrong or None) of one point."""
    with Region(binaries, point.scenario.settings) as region:
        run = Run(region, program, point.scenario)
        if point.command == "down" and (complaint := run.finish("up")):
            return True, f"before the crash: {complaint}"
        reached = run.kill_at(point)
        complaint = run.finish(point.then)
        found = audit(region.environment)
        expected = there if point.then == "up" else {}
        if counted(found) != expected:
            names = ", ".join(f"{kind} {name}" for kind, name in found) or "nothing"
            return reached, f"there is {names}; expected {expected or 'nothing'}" + (f"; {complaint}" if complaint else "")
        return reached, complaint
