"""A region without machines of a point's own: its process, its control API, its end."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request


# The port of this process's regions, one after the other, so that clients can be kept.
PORT = []


def free_port():
    # Another process may take it before it is used; then the next is tried.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Region:
    def __init__(self, binaries, settings=(), script=""):
        """Up, with `settings` as `POST /_region/settings` takes them, and a script of its machines."""
        self.folder = tempfile.mkdtemp(prefix="region-")
        self.state, self.binary = f"{self.folder}/state", f"{binaries}/nixl-region"
        with open(f"{self.folder}/script.toml", "w") as file:
            file.write(script)
        for _ in range(5):
            port = str(PORT[0] if PORT else free_port())
            up = self.run("up", "--machines", "pretend", "--port", port, "--script", file.name)
            PORT[:] = [port] if up.returncode == 0 else []
            if PORT:
                break
        else:
            raise RuntimeError(f"nixl-region up: {up.stderr}")
        with open(f"{self.state}/credentials.json") as file:
            known = json.load(file)
        self.url, self.token = known["endpoint_url"], known["control_token"]
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": known["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": known["secret_access_key"],
            "AWS_REGION": known["region"],
            "AWS_DEFAULT_REGION": known["region"],
            "PATH": os.environ["PATH"],
        }
        for setting in settings:
            self.ask("POST", "settings", setting)

    def run(self, *arguments):
        environment = {**os.environ, "NIXL_REGION_STATE_DIR": self.state}
        return subprocess.run([self.binary, *arguments], env=environment, capture_output=True, text=True)

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"x-nixl-region-token": self.token, "content-type": "application/json"}
        request = urllib.request.Request(f"{self.url}/_region/{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.read().decode()}") from error

    def elsewhere(self):
        """Environment and working folder of a computer that knows nothing but the account's keys."""
        home = tempfile.mkdtemp(dir=self.folder)
        return {**self.environment, "HOME": home}, home

    def laptop_calls(self):
        """What the laptop has called, as service:Operation, in the order of the answers."""
        answer = self.ask("GET", "calls?caller=administrator")
        return [f"{call['service']}:{call['operation']}" for call in answer["calls"]]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("down")
        shutil.rmtree(self.folder, ignore_errors=True)
