"""`./bench mlflow`: the node's MLflow endpoint beside the real server asked directly and beside AWS's plugin.

One region, one MLflow App with the real server behind, in turn: MLflow's client to the server itself ("direct"),
through `nixl-noded mlflow-endpoint` ("ours"), and with AWS's plugin to the same API that verifies signatures ("plugin").
Calls a second are ours against the plugin's; added milliseconds are ours and the plugin's beyond direct, of the same
quantile. "hop" is the same without clients: what the endpoint adds to calls that were signed beforehand and go straight to
that API, beside what the API itself adds to the server. Artifacts are one file uploaded and downloaded over HTTP, ours against direct: hashed and signed as the region
wants it by default, and uploaded as it comes where it takes UNSIGNED-PAYLOAD ("streamed"). Throttling is off; the
programs are the unoptimized ones that `./test` tests.
"""

import hashlib
import json
import os
import pathlib
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).parents[1]
ROUNDS = 3
METRICS, BATCHES = 200, 40
HOPS = 200
ARTIFACT_MIB = 1024
PATIENCE_SECS = 600
# The region's rule that refuses them.
UNSIGNED_RULE = "mlflow.api.unsigned-payload"


def free_port():
    """One that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def awaited(what, probe):
    """What the probe finds, once it does."""
    end = time.monotonic() + PATIENCE_SECS
    while time.monotonic() < end:
        found = probe()
        if found:
            return found
        time.sleep(0.2)
    sys.exit(f"bench: {what}: not within {PATIENCE_SECS} s")


class Setup:
    """A region with an App that hands out artifacts, and an endpoint for it."""

    def __init__(self, binaries, venv, plugin_venv, folder):
        self.binaries, self.venv, self.plugin_venv, self.folder = binaries, venv, plugin_venv, pathlib.Path(folder)
        self.base = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/root"), "MLFLOW_DISABLE_TELEMETRY": "true"}
        self.endpoints = []

    def region(self, *args):
        """`nixl-region` with this state."""
        env = dict(self.base, NIXL_REGION_STATE_DIR=str(self.folder / "state"))
        return subprocess.run([f"{self.binaries}/nixl-region", *args], env=env, check=True, capture_output=True, text=True).stdout

    def aws(self, *args):
        """The AWS CLI."""
        done = subprocess.run([f"{self.venv}/bin/aws", *args], env=self.env, check=True, capture_output=True, text=True)
        return json.loads(done.stdout) if done.stdout.startswith("{") else None

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def begin(self):
        """Brings all of it up."""
        self.region("up", "--port", str(free_port()), "--venv", self.venv)
        lines = [line.removeprefix("export ") for line in self.region("env").splitlines() if line.startswith("export ")]
        self.env = self.base | {key: value.strip("'\"") for key, value in (line.split("=", 1) for line in lines)}
        self.region("set", "throttle", "off")
        self.region("set", "mlflow-artifacts", "server")
        self.aws("s3", "mb", "s3://bench")
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "sagemaker.amazonaws.com"}}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = self.aws("iam", "create-role", "--role-name", "store", "--assume-role-policy-document", document)["Role"]["Arn"]
        made = self.aws("sagemaker", "create-mlflow-app", "--name", "a", "--artifact-store-uri", "s3://bench/a", "--role-arn", role)
        self.arn = made["Arn"]
        status = ("sagemaker", "describe-mlflow-app", "--arn", self.arn)
        awaited("the App", lambda: self.aws(*status)["Status"] == "Created")
        self.direct = f"http://127.0.0.1:{self.server_port()}"
        self.token = secrets.token_hex(16)
        # Each asks once, with its first large body, whether bodies have to be signed.
        self.ours, self.streamed = self.start_endpoint(), self.start_endpoint()

    def __exit__(self, *_):
        for endpoint in self.endpoints:
            endpoint.kill()
            endpoint.wait()
        self.region("down")

    def server_port(self):
        """Port of the `mlflow server` behind, from its command line."""
        for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = process.read_bytes().decode().split("\0")
            except OSError:
                continue
            if "server" in words and "--port" in words and any(str(self.folder) in word for word in words):
                return words[words.index("--port") + 1]
        sys.exit("bench: no mlflow server of the region")

    def start_endpoint(self):
        """URL of a `nixl-noded mlflow-endpoint` with the account's keys."""
        port = free_port()
        url, folder = f"http://127.0.0.1:{port}", self.folder / str(port)
        folder.mkdir()
        settings = f'cluster = "c"\nsize = 2\nprovider = "tcp"\nmlflow_tracking_arn = "{self.arn}"\n'
        settings += f'[mlflow]\nlisten = "127.0.0.1:{port}"\nrequests_per_sec = 0\n'
        (folder / "node.toml").write_text(settings)
        (folder / "token").write_text(self.token)
        args = ["--settings", folder / "node.toml", "--token", folder / "token", "--bodies", folder]
        command = [f"{self.binaries}/nixl-noded", "mlflow-endpoint", *args]
        self.endpoints.append(subprocess.Popen(command, env=self.env, stderr=subprocess.DEVNULL))
        awaited("the endpoint", lambda: self.answers(f"{url}/api/2.0/mlflow/experiments/search?max_results=1"))
        return url

    def answers(self, url):
        """Whether it does."""
        try:
            return self.request("GET", url).status == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    def request(self, method, url, data=None, length=None):
        """One request with the token."""
        headers = {"authorization": f"Bearer {self.token}"}
        if length is not None:
            headers |= {"content-length": str(length), "content-type": "application/octet-stream"}
        return urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=PATIENCE_SECS)

    def client(self, way):
        """Milliseconds of the calls of one client."""
        env, python = dict(self.base), f"{self.plugin_venv}/bin/python"
        if way == "plugin":
            env = self.env | {"SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": self.env["AWS_ENDPOINT_URL"]}
            uri = self.arn
        else:
            # Without the plugin, which warns at every such URI.
            python, uri = f"{self.venv}/bin/python", self.direct if way == "direct" else self.ours
            env["MLFLOW_TRACKING_TOKEN"] = self.token
        line = [python, str(ROOT / "scripts/bench_mlflow_client.py"), uri, str(METRICS), str(BATCHES)]
        done = subprocess.run(line, env=env, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"bench: {way}: {done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])

    def hops(self):
        """Milliseconds of the calls of each way, one client for all."""
        line = [f"{self.venv}/bin/python", ROOT / "scripts/bench_mlflow_hop.py", self.arn, self.direct, self.ours, str(HOPS)]
        env = self.env | {"MLFLOW_TRACKING_TOKEN": self.token}
        done = subprocess.run(line, env=env, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"bench: hops: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def artifact(self, way, number):
        """MiB a second up and down."""
        base, name = {"direct": self.direct, "ours": self.ours, "streamed": self.streamed}[way], f"{way}-{number}"
        self.region("set", "rule", UNSIGNED_RULE, "off" if way == "streamed" else "on")
        block = os.urandom(1 << 20)
        url = f"{base}/api/2.0/mlflow-artifacts/artifacts/bench/{name}"
        begun = time.monotonic()
        self.request("PUT", url, (block for _ in range(ARTIFACT_MIB)), ARTIFACT_MIB << 20).read()
        up_secs, found = time.monotonic() - begun, hashlib.sha256()
        begun = time.monotonic()
        with self.request("GET", url) as answer:
            while piece := answer.read(1 << 20):
                found.update(piece)
        down_secs, whole = time.monotonic() - begun, hashlib.sha256()
        for _ in range(ARTIFACT_MIB):
            whole.update(block)
        if found.digest() != whole.digest():
            sys.exit(f"bench: what came back through {base} is not what was sent")
        return ARTIFACT_MIB / up_secs, ARTIFACT_MIB / down_secs


def measures(setup):
    """Name, ours, peer, unit, and what the ratio should be."""
    took = {way: {"log_metric": [], "log_batch": []} for way in ("direct", "ours", "plugin")}
    rates = {"direct": [], "ours": [], "streamed": []}
    for number in range(ROUNDS):
        for way, calls in took.items():
            for call, millis in setup.client(way).items():
                calls[call].extend(millis)
        for way in rates:
            rates[way].append(setup.artifact(way, number))
    for call in ("log_metric", "log_batch"):
        ours, plugin, direct = (took[way][call] for way in ("ours", "plugin", "direct"))
        yield f"{call}.rate", 1000 / statistics.mean(ours), 1000 / statistics.mean(plugin), "calls/s"
        for quantile in (50, 99):
            of = [statistics.quantiles(one, n=100)[quantile - 1] for one in (ours, plugin, direct)]
            yield f"{call}.added_p{quantile}", of[0] - of[2], of[1] - of[2], "ms"
    for call, took in setup.hops().items():
        direct, front, ours = (statistics.median(took[way]) for way in ("direct", "front", "ours"))
        yield f"{call.replace('-', '_')}.hop_p50", ours - front, front - direct, "ms"
    for name, way, at in (("upload", "ours", 0), ("upload_streamed", "streamed", 0), ("download", "ours", 1)):
        ours, direct = (statistics.median(one[at] for one in rates[it]) for it in (way, "direct"))
        yield f"artifact.{name}", ours, direct, "MiB/s"


def main():
    binaries, venv, plugin_venv = (os.path.abspath(path) for path in sys.argv[1:4])
    as_json = "--json" in sys.argv[4:]
    if not as_json:
        print(f"{'':28}{'ours':>10}{'peer':>10}  unit           ratio")
    with tempfile.TemporaryDirectory(prefix="bench-mlflow-", dir="/var/tmp") as folder:
        with Setup(binaries, venv, plugin_venv, folder) as setup:
            for name, ours, peer, unit in measures(setup):
                if as_json:
                    line = {"name": f"mlflow.{name}", "ours": ours, "peer": peer, "unit": unit, "ratio": ours / peer}
                    print(json.dumps(line), flush=True)
                else:
                    print(f"{name:28}{ours:10.2f}{peer:10.2f}  {unit:12}{ours / peer:8.2f}", flush=True)


if __name__ == "__main__":
    main()
