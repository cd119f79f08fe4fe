"""`./bench region`: the local region beside moto, and a pair of its machines beside two bare ones.

Requests: wrk sends one signed request over and over for a few seconds, to the
region and to moto's server in turn, each holding the same resources.
Pair, and four machines at once: from RunInstances to multi-user.target on all
of them, and from TerminateInstances to `terminated`; the peer is
`systemd-nspawn --boot` over an overlay of the same root file system, ended by
its own power-off, so the ratio is the price of API, network, metadata service,
cloud-init and cleaning up. When a machine was up is told by itself, so asking
does not count. Each number is the median over the alternating runs.
"""

import datetime
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials

RUNS = 3
LOAD_SECS = 3
CLIENTS = 8
GROUPS = 20
REGION_PORT, MOTO_PORT = 4677, 4678
READS = {
    "describe_instances": "Action=DescribeInstances&Version=2016-11-15",
    "describe_security_groups": "Action=DescribeSecurityGroups&Version=2016-11-15",
}
PATIENCE_SECS = 60
# Prints when the target became active, or an empty line.
ASK = ["systemctl", "show", "multi-user.target", "-P", "ActiveEnterTimestamp", "--timestamp=us+utc"]
ASK_EVERY_SECS = 0.25


def until(what, probe, every_secs=0.02):
    end = time.monotonic() + PATIENCE_SECS
    while not (found := probe()):
        if time.monotonic() > end:
            sys.exit(f"bench: {what}: not within {PATIENCE_SECS} s")
        time.sleep(every_secs)
    return found


def up_at(enter):
    """Time at which the machine behind the command was up, or None."""
    told = subprocess.run([*enter, *ASK], capture_output=True, text=True).stdout.strip()
    if not told:
        return None
    when = datetime.datetime.strptime(told, "%a %Y-%m-%d %H:%M:%S.%f UTC")
    return when.replace(tzinfo=datetime.timezone.utc).timestamp()


def answers(port):
    return subprocess.run(["curl", "-s", "-o", "/dev/null", f"http://127.0.0.1:{port}/"]).returncode == 0


def client(port, environment):
    return boto3.client(
        "ec2",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=botocore.config.Config(retries={"total_max_attempts": 1}),
    )


def load(port, body, environment, folder):
    """Requests a second; the run fails if one answer is no success."""
    keys = botocore.credentials.Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = botocore.awsrequest.AWSRequest("POST", f"http://127.0.0.1:{port}/", headers=headers, data=body)
    botocore.auth.SigV4Auth(keys, "ec2", "us-east-1").add_auth(request)
    script = folder / "request.lua"
    lines = [f'wrk.method = "POST"\nwrk.body = {json.dumps(body)}']
    lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in request.headers.items()]
    lines += [
        'function done(summary, latency, requests)\n  local e = summary.errors',
        '  io.write(string.format("RATE %f %d\\n", summary.requests / summary.duration * 1e6,'
        " e.connect + e.read + e.write + e.status + e.timeout))\nend",
    ]
    script.write_text("\n".join(lines))
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{LOAD_SECS}s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, errors = next(line.split()[1:] for line in told.splitlines() if line.startswith("RATE"))
    if int(errors):
        sys.exit(f"bench: port {port} failed {errors} requests:\n{told}")
    return float(rate)


class Ours:
    """Machines of the region."""

    def __init__(self, binary, ec2):
        self.binary, self.ec2 = binary, ec2
        self.image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["debian-*"]}])["Images"][0]["ImageId"]

    def start(self, count):
        """Seconds until all are up."""
        begun = time.time()
        made = self.ec2.run_instances(ImageId=self.image, InstanceType="g5.12xlarge", MinCount=count, MaxCount=count)
        self.ids = [instance["InstanceId"] for instance in made["Instances"]]
        enter = [[self.binary, "exec", machine, "--"] for machine in self.ids]
        return max(until(command[2], lambda: up_at(command), ASK_EVERY_SECS) for command in enter) - begun

    def remove(self):
        self.ec2.terminate_instances(InstanceIds=self.ids)

        def gone():
            found = self.ec2.describe_instances(Filters=[{"Name": "instance-id", "Values": self.ids}])
            states = [i["State"]["Name"] for r in found["Reservations"] for i in r["Instances"]]
            return all(state == "terminated" for state in states)

        until("terminated", gone)


class Bare:
    """Machines by hand."""

    def __init__(self, base, folder):
        self.base, self.folder, self.machines = base, folder, []

    def start(self, count):
        """Seconds until all are up."""
        begun = time.time()
        self.machines = [self.boot(index) for index in range(count)]
        return max(until("a bare machine", lambda: self.up(process), ASK_EVERY_SECS) for process in self.machines) - begun

    def boot(self, index):
        root = self.folder / f"bare{index}"
        for name in ("upper", "work", "root"):
            (root / name).mkdir(parents=True)
        # Nobody answers cloud-init there.
        (root / "upper/etc/cloud").mkdir(parents=True)
        (root / "upper/etc/cloud/cloud-init.disabled").touch()
        mount = f"mount -t overlay bench -o lowerdir={self.base},upperdir={root}/upper,workdir={root}/work {root}/root"
        nspawn = (
            "exec systemd-nspawn --quiet --register=no --keep-unit --private-network --link-journal=no "
            f"--timezone=off --console=read-only --machine=nixl-bench-{os.getpid()}-{index} --boot -D {root}/root"
        )
        command = ["unshare", "-m", "--propagation", "private", "sh", "-c", f"{mount} && {nspawn}"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, start_new_session=True, **quiet)

    @staticmethod
    def leader(process):
        # nspawn's child is a stub that holds the machine's init.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return children[-1] if children else None

    def up(self, process):
        leader = self.leader(process)
        if not leader:
            return None
        return up_at(["nsenter", "-t", leader, "-a", "-r", "-w", "--"])

    def remove(self):
        for process in self.machines:
            # SIGRTMIN+4 asks systemd to power off (systemd(1)).
            subprocess.run(["kill", "-38", self.leader(process)], check=True)
        for index, process in enumerate(self.machines):
            process.wait(timeout=PATIENCE_SECS)
            shutil.rmtree(self.folder / f"bare{index}")
        self.machines = []

    def kill(self):
        for process in self.machines:
            process.kill()
            process.wait()


def timed(act):
    begun = time.monotonic()
    act()
    return time.monotonic() - begun


def main():
    binary, venv, as_json = sys.argv[1], Path(sys.argv[2]), "--json" in sys.argv[3:]
    folder = Path(tempfile.mkdtemp(prefix="bench-region-", dir=venv.parent))
    os.environ["NIXL_REGION_STATE_DIR"] = str(folder / "state")
    base = subprocess.run([binary, "base-image"], capture_output=True, text=True, check=True).stdout.split()[-1]
    rows, bare = [], Bare(base, folder)
    moto = subprocess.Popen(
        [venv / "bin/moto_server", "-H", "127.0.0.1", "-p", str(MOTO_PORT)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        subprocess.run([binary, "up", "--port", str(REGION_PORT)], check=True, stdout=subprocess.DEVNULL)
        # moto knows no request throttling, which is what would be measured.
        subprocess.run([binary, "set", "throttle", "off"], check=True, stdout=subprocess.DEVNULL)
        told = subprocess.run([binary, "env"], capture_output=True, text=True, check=True).stdout
        environment = dict(
            line.removeprefix("export ").replace("'", "").split("=", 1) for line in told.splitlines() if "=" in line
        )
        until("moto", lambda: answers(MOTO_PORT))
        for port in (REGION_PORT, MOTO_PORT):
            ec2 = client(port, environment)
            for index in range(GROUPS):
                ec2.create_security_group(GroupName=f"bench-{index}", Description="bench")
        for name, body in READS.items():
            mine, theirs = [], []
            for _ in range(RUNS):
                mine.append(load(REGION_PORT, body, environment, folder))
                theirs.append(load(MOTO_PORT, body, environment, folder))
            rows.append((f"region_{name}", mine, theirs, "req/s", "moto"))
        ours = Ours(binary, client(REGION_PORT, environment))
        for name, count in (("pair", 2), ("four", 4)):
            times = {key: ([], []) for key in ("start", "remove")}
            for _ in range(RUNS):
                for side, machines in enumerate((ours, bare)):
                    times["start"][side].append(machines.start(count))
                    times["remove"][side].append(timed(machines.remove))
            for key, (mine, theirs) in times.items():
                rows.append((f"region_{name}_{key}", mine, theirs, "s", "bare nspawn"))
    finally:
        bare.kill()
        moto.terminate()
        moto.wait()
        subprocess.run([binary, "down"], stdout=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)
    if not as_json:
        print(f"{'measure':<32} {'ours':>9} {'peer':>9} {'unit':>6} {'ratio':>6}   peer ({RUNS} runs each, in turn)")
    for name, mine, theirs, unit, peer in rows:
        a, b = statistics.median(mine), statistics.median(theirs)
        if as_json:
            print(json.dumps({"name": name, "ours": round(a, 3), "peer": round(b, 3), "unit": unit, "ratio": round(a / b, 3)}))
        else:
            print(f"{name:<32} {a:>9.2f} {b:>9.2f} {unit:>6} {a / b:>6.2f}   {peer}")


main()
