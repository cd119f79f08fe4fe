"""One program through the matrix: it is killed at every call, at three points each, and continued elsewhere. What
people run at the same time is also held at every call until another run has ended.

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
# The point at which it lives on: its request waits while another run goes from begin to end.
MEANWHILE = "meanwhile"
TOLD = {"before": "request lost", "after": "answer lost", "next": "answer received", MEANWHILE: "held back"}
# What is held waits; a look costs as much as a call.
LOOK_EVERY_SECS = 0.1
PATIENCE_SECS = 180


@dataclasses.dataclass(frozen=True)
class Program:
    """Something with commands."""

    name: str
    # (environment, working folder, command, its arguments) -> what Popen takes.
    start: object
    timeout_secs: int = PATIENCE_SECS
    # In the order in which they are run, and what continues each of them.
    commands: tuple = ("up", "down")
    then: tuple = ("up", "down")
    # The command that leaves nothing, if there is one.
    removes: str = "down"
    # Commands that were run before, and ended well.
    after: tuple = ()
    # What may be run twice at once.
    together: tuple = ()
    # (run) -> what is wrong at the end, or None.
    at_last: object = None


@dataclasses.dataclass(frozen=True)
class Scenario:
    """What is asked for, in a region that was made ready for it."""

    name: str
    up: tuple = ()
    down: tuple = ()
    lock: tuple = ()
    build: tuple = ()
    settings: tuple = ()
    # What machines and image builds do, as `nixl-region up --script` takes it.
    script: str = ""
    # Commands that were run before and ended badly.
    before: tuple = ()
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
        return self.program.start(environment, home, command, getattr(self.scenario, command, ()))

    def prepare(self):
        """What was done before: what is wrong with it, or nothing."""
        for command in self.scenario.before:
            if not self.finish(command):
                return f"`{command}` should have failed"
        complaints = (self.finish(command) for command in self.program.after)
        return next(filter(None, complaints), None)

    def finish(self, command):
        """Runs it to its end: what it complained of, or nothing."""
        return self.end_of(self.start(command), command)

    def end_of(self, process, command):
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

    def reach(self, point, effect):
        """Starts the program and waits until it is held at the point, or has ended: it, whether it is held, the fault."""
        fault = {"call": point.call, "caller": "administrator", "nth": point.nth, **effect}
        (fault_id,) = self.region.ask("POST", "faults", [{"fault": fault}])
        process = self.start(point.command)
        end = time.monotonic() + self.program.timeout_secs
        held = False
        while process.poll() is None and not held and time.monotonic() < end:
            time.sleep(LOOK_EVERY_SECS)
            (seen,) = [one for one in self.region.ask("GET", "faults") if one["id"] == fault_id]
            held = seen["holding"] > 0
        return process, held, fault_id

    def kill_at(self, point):
        """True if the program came to the point; it is dead in any case."""
        process, held, fault_id = self.reach(point, POINTS[point.when])
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        (seen,) = [one for one in self.region.ask("GET", "faults") if one["id"] == fault_id]
        # What was held goes on its way, which the fault decides.
        self.region.ask("DELETE", f"faults/{fault_id}")
        # After the last answer there is nothing to hold.
        return held or (point.when == "next" and seen["fired"] > 0)

    def wait_at(self, point):
        """Holds the program back at the point while another run goes to its end: whether it came there, what is wrong."""
        process, held, fault_id = self.reach(point, {"hold": "before"})
        other = self.finish(point.then)
        self.region.ask("DELETE", f"faults/{fault_id}")
        mine = self.end_of(process, point.command)
        return held, " and ".join(filter(None, (other, mine))) or None


def rehearse(binaries, program, scenario):
    """Runs all commands undisturbed: the calls of each, and what is there after each."""
    with Region(binaries, scenario.settings, scenario.script) as region:
        run = Run(region, program, scenario)
        complaint = run.prepare()
        calls, there = {}, {}
        for command in program.commands:
            # What the audit called is none of the program's.
            seen = len(region.laptop_calls())
            complaint = complaint or run.finish(command)
            calls[command] = region.laptop_calls()[seen:]
            there[command] = counted(audit(region.environment))
        complaint = complaint or (program.at_last and program.at_last(run))
        if not complaint and there.get(program.removes):
            complaint = f"left without any crash: {there[program.removes]}"
        if complaint:
            raise RuntimeError(f"{program.name}, {scenario.name}: {complaint}")
        return calls, there


def is_read(call):
    return call.split(":")[1].startswith(READS)


def points(program, scenario, calls):
    """Every call of all commands, at every point, continued in all ways."""
    for command, made in calls.items():
        for call in sorted(set(made)):
            if is_read(call) and not scenario.reads:
                continue
            for nth in range(1, made.count(call) + 1):
                for when in POINTS:
                    for then in program.then:
                        yield Point(scenario, command, call, nth, when, then)
                if command in program.together:
                    yield Point(scenario, command, call, nth, MEANWHILE, command)


def brief(points):
    """Of the points of all scenarios, each call that changes something once: at its first time, in the first scenario
    that has it, carried out and unanswered, and held back for another run if there may be one."""
    seen = set()
    for point in points:
        what = (point.command, point.call, point.then, point.when)
        if point.when in ("after", MEANWHILE) and not is_read(point.call) and what not in seen:
            seen.add(what)
            yield point


def go(binaries, program, point, there):
    """(reached, what is wrong or None) of one point."""
    with Region(binaries, point.scenario.settings, point.scenario.script) as region:
        run = Run(region, program, point.scenario)
        complaint = run.prepare()
        for command in program.commands[: program.commands.index(point.command)]:
            complaint = complaint or run.finish(command)
        if complaint:
            return True, f"before the crash: {complaint}"
        if point.when == MEANWHILE:
            reached, complaint = run.wait_at(point)
        else:
            reached = run.kill_at(point)
            complaint = run.finish(point.then)
        found = audit(region.environment)
        expected = there[point.then]
        if counted(found) != expected:
            names = ", ".join(f"{kind} {name}" for kind, name in found) or "nothing"
            return reached, f"there is {names}; expected {expected or 'nothing'}" + (f"; {complaint}" if complaint else "")
        return reached, complaint or (program.at_last and program.at_last(run))
