"""`./bench noded`: a pair of the local region whose one daemon is killed, and what the daemon costs at idle.

Pairing again: from `kill -9` of node 2's daemon until its next life and its peer both
say `paired`, in each other's machine; the clock is the computer's, which machines share.
There is no program that does the same: the peer's column is the time after which a
silent peer is called lost.
Idle: proportional (PSS) and resident memory (RSS) and time on a CPU of all our processes together on
node 1, paired and with four heartbeats a second, beside Debian's
prometheus-node-exporter, which nobody asks, over the same seconds.
Asked: requests a second and 99th percentile of /health and /metrics of node 1 beside /metrics of the exporter in the
same network namespace, with wrk over 4 connections, alternating, the median of the rounds; then both
at 1,000 requests a second over one connection (`paced_load.py`: wrk has no rate), where time counts from when a
request was due. An exporter that falls behind that rate has what it has: its row says so by its number.
Ours are the unoptimized programs that `./test` tests.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REGION_PORT, EXPORTER_PORT = 4679, 4680
KILLS = 7
LOST_AFTER_SECS = 1.0
IDLE_SECS = 30
PATIENCE_SECS = 60
NODES = ("nixl-node1", "nixl-node2")
PIDS = 'd=$(systemctl show -P MainPID nixl-noded); p="$d $(pgrep -P $d)"'
PAIRED = "curl -s -m 1 http://localhost:9100/health | tr -d ' ' | grep -q '\"phase\":\"paired\"'"
# Nothing of the old daemon answers after the kill: systemd holds the socket.
KILL = f"s=$(date +%s%N); kill -9 $(systemctl show -P MainPID nixl-noded); until {PAIRED}; do :; done; echo $s $(date +%s%N)"
COST = PIDS + "; for i in $p; do awk '/^[RP]ss:/ {print $2}' /proc/$i/smaps_rollup; cut -d' ' -f14,15 /proc/$i/stat; done"
NODED_PORT = 9100
WRK_SECS, WRK_ROUNDS, WRK_CONNECTIONS = 4, 3, 4
PACED_PER_SEC, PACED_SECS = 1000, 5


def run(*command):
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench: {' '.join(map(str, command))}: {done.stdout}{done.stderr}")
    return done.stdout


class Pair:
    """Two paired nodes."""

    def __init__(self, binary):
        self.binary = binary

    def sh(self, node, script):
        return run(self.binary, "exec", node, "--", "sh", "-c", script)

    def until_paired(self, node):
        """Nanoseconds of the clock when the node says so."""
        script = f"until {PAIRED}; do :; done; date +%s%N"
        return int(self.sh(node, f"timeout {PATIENCE_SECS} sh -c '{quoted(script)}'"))

    def settle(self):
        """Both have been paired for longer than a silent peer may be."""
        for node in NODES:
            self.until_paired(node)
        time.sleep(3 * LOST_AFTER_SECS)
        for node in NODES:
            self.until_paired(node)

    def again_secs(self):
        self.settle()
        killed, own = map(int, self.sh(NODES[1], f"timeout {PATIENCE_SECS} sh -c '{quoted(KILL)}'").split())
        return (max(own, self.until_paired(NODES[0])) - killed) / 1e9


def quoted(script):
    return script.replace("'", "'\\''")


def cost(told):
    """KiB resident and proportional, and clock ticks, of what COST printed of one or more processes."""
    lines = told.strip().split("\n")
    rss, pss = (sum(map(int, lines[first::3])) for first in (0, 1))
    return rss, pss, sum(sum(map(int, line.split())) for line in lines[2::3])


def exporter_cost(pid):
    rollup = dict(line.split()[:2] for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[11:13]
    return int(rollup["Rss:"]), int(rollup["Pss:"]), sum(map(int, ticks))


def idle(pair, exporter):
    """Rows of memory and of CPU over the same seconds."""
    pair.settle()
    # The first report on the link is over by then.
    time.sleep(IDLE_SECS)
    begun = time.monotonic()
    before = cost(pair.sh(NODES[0], COST)), exporter_cost(exporter)
    time.sleep(IDLE_SECS)
    after = cost(pair.sh(NODES[0], COST)), exporter_cost(exporter)
    ticks = os.sysconf("SC_CLK_TCK") * (time.monotonic() - begun)
    cpu = [100 * (now[2] - then[2]) / ticks for then, now in zip(before, after)]
    return [
        ("noded_idle_rss", after[0][0] / 1024, after[1][0] / 1024, "MiB", "prometheus-node-exporter"),
        ("noded_idle_pss", after[0][1] / 1024, after[1][1] / 1024, "MiB", "prometheus-node-exporter"),
        ("noded_idle_cpu", *cpu, "%", "prometheus-node-exporter"),
    ]


def network_of(pair, node):
    """The network namespace of a node, as a file of this computer."""
    inode = int(pair.sh(node, "readlink /proc/1/ns/net").strip().removeprefix("net:[").removesuffix("]"))
    return next(path for path in Path("/run/netns").iterdir() if path.stat().st_ino == inode)


def wrk(inside, port, path):
    """Requests a second and 99th percentile in milliseconds."""
    told = run(*inside, "wrk", "--latency", "-t1", f"-c{WRK_CONNECTIONS}", f"-d{WRK_SECS}s", f"http://localhost:{port}{path}")
    if "Non-2xx" in told or "Socket errors" in told:
        sys.exit(f"bench: {path} on {port}: {told}")
    words = told.split()
    amount = words[words.index("99%") + 1]
    number = float(amount.rstrip("mus"))
    millis = number / 1e3 if amount.endswith("us") else number if amount.endswith("ms") else number * 1e3
    return float(words[words.index("Requests/sec:") + 1]), millis


def paced(inside, port, path):
    told = json.loads(run(*inside, sys.executable, "scripts/paced_load.py", port, path, PACED_PER_SEC, PACED_SECS))
    return told["p99_millis"], told["per_sec"]


def asked(inside):
    """Rows of both programs, asked for what they tell."""
    ours = {path: [] for path in ("/health", "/metrics")}
    theirs = []
    for _ in range(WRK_ROUNDS):
        for path, told in ours.items():
            told.append(wrk(inside, NODED_PORT, path))
        theirs.append(wrk(inside, EXPORTER_PORT, "/metrics"))
    peer = "prometheus-node-exporter /metrics"
    middle = lambda rounds, column: statistics.median(row[column] for row in rounds)
    rows = []
    for path, told in ours.items():
        name = path.removeprefix("/")
        rows.append((f"noded_{name}_rate", middle(told, 0), middle(theirs, 0), "req/s", peer))
        rows.append((f"noded_{name}_p99", middle(told, 1), middle(theirs, 1), "ms", peer))
    limits = paced(inside, EXPORTER_PORT, "/metrics")
    for path in ours:
        p99, rate = paced(inside, NODED_PORT, path)
        name = path.removeprefix("/")
        told = f"{peer}, {limits[1]:.0f} of {PACED_PER_SEC} req/s (ours {rate:.0f})"
        rows.append((f"noded_{name}_paced_p99", p99, limits[0], "ms", told))
    return rows


def main():
    bin_dir, venv, exporter_path, as_json = Path(sys.argv[1]), sys.argv[2], sys.argv[3], "--json" in sys.argv[4:]
    binary = bin_dir / "nixl-region"
    folder = Path(tempfile.mkdtemp(prefix="bench-noded-", dir=bin_dir.parent))
    os.environ["NIXL_REGION_STATE_DIR"] = str(folder / "state")
    exporter = None
    try:
        run(binary, "up", "--port", str(REGION_PORT), "--venv", venv)
        for line in run(binary, "env").splitlines():
            if line.startswith("export "):
                key, value = line.removeprefix("export ").split("=", 1)
                os.environ[key] = value.strip("'\"")
        run(bin_dir / "nixl-bake", "build", "--recipe", "image/recipe.toml", "--noded", bin_dir / "nixl-noded")
        run(bin_dir / "nixl-launch", "up", "--provider", "tcp", "--no-mlflow")
        pair = Pair(binary)
        inside = ("nsenter", f"--net={network_of(pair, NODES[0])}", "--")
        exporter = subprocess.Popen(
            [*inside, exporter_path, f"--web.listen-address=127.0.0.1:{EXPORTER_PORT}", "--web.disable-exporter-metrics"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        rows = idle(pair, exporter.pid)
        rows += asked(inside)
        kills = [pair.again_secs() for _ in range(KILLS)]
        limit = "limit of silence, no program"
        rows.append(("noded_pair_again_p50", statistics.median(kills), LOST_AFTER_SECS, "s", limit))
        rows.append(("noded_pair_again_max", max(kills), LOST_AFTER_SECS, "s", limit))
        if exporter.poll() is not None:
            sys.exit("bench: prometheus-node-exporter ended")
    finally:
        if exporter:
            exporter.terminate()
            exporter.wait()
        subprocess.run([binary, "down"], stdout=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)
    if not as_json:
        print(f"{'measure':<24} {'ours':>9} {'peer':>9} {'unit':>6} {'ratio':>6}   peer ({KILLS} kills, {IDLE_SECS} s idle)")
    for name, mine, theirs, unit, peer in rows:
        ratio = mine / theirs if theirs else None
        if as_json:
            row = {"name": name, "ours": round(mine, 3), "peer": round(theirs, 3), "unit": unit}
            print(json.dumps({**row, "ratio": ratio and round(ratio, 3)}))
        else:
            told = "-" if ratio is None else f"{ratio:.2f}"
            print(f"{name:<24} {mine:>9.2f} {theirs:>9.2f} {unit:>6} {told:>6}   {peer}")


main()
