"""`./bench noded`: a pair of the local region whose one daemon is killed, and what the daemon costs at idle.

Pairing again: from `kill -9` of node 2's daemon until its next life and its peer both
say `paired`, in each other's machine; the clock is the computer's, which machines share.
There is no program that does the same: the peer's column is the time after which a
silent peer is called lost.
Idle: proportional memory (PSS) and time on a CPU of daemon and worker together on
node 1, paired and with four heartbeats a second, beside Debian's
prometheus-node-exporter, which nobody asks, over the same seconds. Ours are the
unoptimized programs that `./test` tests.
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
COST = PIDS + "; for i in $p; do awk '/^Pss:/ {print $2}' /proc/$i/smaps_rollup; cut -d' ' -f14,15 /proc/$i/stat; done"


def run(*command):
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
    """KiB and clock ticks of what COST printed of one or more processes."""
    lines = told.split("\n")
    return sum(map(int, lines[0:-1:2])), sum(sum(map(int, line.split())) for line in lines[1::2])


def exporter_cost(pid):
    pss = next(line.split()[1] for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
    ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[11:13]
    return int(pss), sum(map(int, ticks))


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
    cpu = [100 * (now[1] - then[1]) / ticks for then, now in zip(before, after)]
    return [
        ("noded_idle_pss", after[0][0] / 1024, after[1][0] / 1024, "MiB", "prometheus-node-exporter"),
        ("noded_idle_cpu", *cpu, "%", "prometheus-node-exporter"),
    ]


def main():
    bin_dir, venv, exporter_path, as_json = Path(sys.argv[1]), sys.argv[2], sys.argv[3], "--json" in sys.argv[4:]
    binary = bin_dir / "nixl-region"
    folder = Path(tempfile.mkdtemp(prefix="bench-noded-", dir=bin_dir.parent))
    os.environ["NIXL_REGION_STATE_DIR"] = str(folder / "state")
    exporter = subprocess.Popen(
        [exporter_path, f"--web.listen-address=127.0.0.1:{EXPORTER_PORT}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        run(binary, "up", "--port", str(REGION_PORT), "--venv", venv)
        for line in run(binary, "env").splitlines():
            if line.startswith("export "):
                key, value = line.removeprefix("export ").split("=", 1)
                os.environ[key] = value.strip("'\"")
        run(bin_dir / "nixl-bake", "build", "--recipe", "image/recipe.toml", "--noded", bin_dir / "nixl-noded")
        run(bin_dir / "nixl-launch", "up", "--provider", "tcp", "--no-mlflow")
        pair = Pair(binary)
        rows = idle(pair, exporter.pid)
        kills = [pair.again_secs() for _ in range(KILLS)]
        limit = "limit of silence, no program"
        rows.append(("noded_pair_again_p50", statistics.median(kills), LOST_AFTER_SECS, "s", limit))
        rows.append(("noded_pair_again_max", max(kills), LOST_AFTER_SECS, "s", limit))
        if exporter.poll() is not None:
            sys.exit("bench: prometheus-node-exporter ended")
    finally:
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
