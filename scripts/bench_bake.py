"""`./bench bake`: the local image beside plain mmdebstrap, and what there is to do for an image that is there beside a boto3 script.

From nothing: no cache, no region. Ours is `nixl-region up`, `nixl-bake lock` and `build`; with the root filesystem copied
out, `nixl-region export --rootfs` as well. The peer is one mmdebstrap with the very packages that ours has in the end
(dpkg of the result). Both fetch from the same archive, ours first.
With the image there: calls as the region's log of calls has them, seconds from start to end of the process; `bake` is
`build --no-publish`, which answers what the script answers, `build` and `plan` look at what is published as well.
Ours are the unoptimized programs that `./test` tests.
"""

import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[1]
SUITE = "bookworm"
LOOKS = 9
DIGEST_TAG = "nixl:digest"


def run(line, env=None):
    done = subprocess.run([str(word) for word in line], env=env, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench: {' '.join(map(str, line))}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


class Ours:
    """A region with a cache of its own."""

    def __init__(self, binaries, venv, folder):
        self.folder, self.binaries, self.venv = folder, pathlib.Path(binaries), venv
        self.region = [self.binaries / "nixl-region", "--state-dir", folder / "state", "--cache-dir", folder / "cache"]
        self.env = {**os.environ, "NIXL_BAKE_LOCK_DIR": str(folder)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        run([*self.region, "down"])

    def bake(self, *command):
        noded = ["--noded", self.binaries / "nixl-noded"]
        return run([self.binaries / "nixl-bake", *command, *noded, "--output", "json"], self.env)

    def from_nothing(self):
        """Seconds to the AMI, and to its root filesystem in a folder."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        begun = time.monotonic()
        run([*self.region, "up", "--port", port, "--venv", self.venv])
        for line in run([*self.region, "env"]).splitlines():
            key, _, value = line.removeprefix("export ").partition("=")
            self.env[key] = value.strip("'\"")
        self.bake("lock")
        baked = json.loads(self.bake("build"))
        self.ami, self.digest = baked["ami_id"], baked["digest"]
        to_ami = time.monotonic() - begun
        self.rootfs = self.folder / "rootfs"
        run([*self.region, "export", self.ami, "--rootfs", self.rootfs])
        return to_ami, time.monotonic() - begun

    def calls(self):
        """Of this computer's tools: others may still know the port from a region before this one."""
        told = run([*self.region, "calls", "--caller", "administrator", "--output", "json"])
        return len(json.loads(told)["calls"])


def packages(root):
    query = ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f", "${db:Status-Abbrev}${Package}\n"]
    return [line[3:].strip() for line in run(query).splitlines() if line.startswith("ii")]


def plain(folder, wanted):
    """Seconds of one mmdebstrap."""
    begun = time.monotonic()
    run(["mmdebstrap", "--variant=minbase", "--format=directory", f"--include={','.join(wanted)}", SUITE, folder])
    return time.monotonic() - begun


def looks(ours):
    """Calls and median milliseconds of each way to learn that the image is there."""
    script = [sys.executable, ROOT / "scripts/boto3_image.py", DIGEST_TAG, ours.digest]
    ways = {
        "bake": lambda: ours.bake("build", "--no-publish"),
        "build": lambda: ours.bake("build"),
        "plan": lambda: ours.bake("plan"),
        "script": lambda: run(script, ours.env),
    }
    calls, times = {}, {name: [] for name in ways}
    for name, way in ways.items():
        before = ours.calls()
        way()
        calls[name] = ours.calls() - before
    for _ in range(LOOKS):
        for name, way in ways.items():
            begun = time.monotonic()
            way()
            times[name].append((time.monotonic() - begun) * 1000)
    return {name: (calls[name], statistics.median(times[name])) for name in ways}


def measure(binaries, venv):
    with tempfile.TemporaryDirectory(prefix="bench-bake-", dir=ROOT / "target") as folder:
        folder = pathlib.Path(folder)
        with Ours(binaries, venv, folder) as ours:
            to_ami, to_rootfs = ours.from_nothing()
            told = looks(ours)
            wanted = packages(ours.rootfs)
        run(["rm", "-rf", ours.rootfs, folder / "cache"])
        peer = plain(folder / "plain", wanted)
        run(["rm", "-rf", folder / "plain"])
    yield "local_image", to_ami, peer, "s"
    yield "local_rootfs", to_rootfs, peer, "s"
    for name in ("bake", "build", "plan"):
        yield f"{name}.calls", told[name][0], told["script"][0], "calls"
        yield f"{name}.wall", told[name][1], told["script"][1], "ms"


def main():
    binaries, venv, as_json = os.path.abspath(sys.argv[1]), sys.argv[2], "--json" in sys.argv[3:]
    if not as_json:
        print(f"{'':24}{'ours':>10}{'peer':>10}  unit      ratio")
    for name, ours, peer, unit in measure(binaries, venv):
        ratio = ours / peer
        if as_json:
            line = {"name": f"bake.{name}", "ours": ours, "peer": peer, "unit": unit, "ratio": ratio}
            print(json.dumps(line), flush=True)
        else:
            print(f"{name:24}{ours:10.1f}{peer:10.1f}  {unit:6}{ratio:9.2f}", flush=True)


if __name__ == "__main__":
    main()
