"""What a node says of itself, as one JSON document on stdout.

Arguments: the parts wanted, of `check`, `link`, `journal`, `state`. SSM cuts an answer
after 24000 characters, so what is good is left out, and what is long is cut.
cloud-init is written in Python, so each node that has it can run this.
"""
import json
import os
import re
import subprocess
import sys
import time

MOST_CHARS = 23_000
SECTIONS = ["efa", "gpu", "mlflow", "network", "system"]


def run(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


def document(*command):
    try:
        return json.loads(run(*command))
    except ValueError:
        return None


def check():
    sections = [word for section in SECTIONS for word in ("--section", section)]
    found = document("nixl-noded", "check", "--output", "json", *sections)
    for section in [section for node in (found or {}).get("nodes", []) for section in node["sections"]]:
        section["items"] = [item for item in section["items"] if item["verdict"] in ("warn", "fail")]
    return found


def link():
    found = document("nixl-noded", "link", "--output", "json")
    for peer in (found or {}).get("peers", []):
        peer.update(history=[], histograms=[])
        report = peer["report"] or {}
        for kind in ("latencies", "bandwidths"):
            report[kind] = [it for it in report.get(kind, []) if not it["rail"]]
    return found


def journal():
    lines = run("journalctl", "-u", "nixl-noded", "-n", "8", "-o", "cat", "--no-pager").splitlines()
    return [line[:300] for line in lines]


def content(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):
        return ""


def state():
    """What is needed of the machine around the daemon, and its time now."""
    at = time.time()
    kept = content("/var/lib/cloud/instance/nixl-expires-at").strip()
    timer = run("systemctl", "is-active", f"nixl-end-{kept}.timer").strip()
    told = re.search(r'^provider = "(\w+)"', content("/etc/nixl/node.toml"), re.MULTILINE)
    free = os.statvfs("/")
    cloud_init = document("cloud-init", "status", "--format", "json") or {}
    return {
        "at_secs": at,
        "end_secs": int(kept) if kept.isdigit() else None,
        "timer": timer == "active",
        "unit": run("systemctl", "is-active", "nixl-noded.service").strip(),
        "provider": told and told.group(1),
        "free_bytes": free.f_bavail * free.f_frsize,
        "cloud_init": cloud_init.get("status"),
        "errors": [str(error)[:300] for error in cloud_init.get("errors") or []][:4],
    }


def main():
    parts = {"check": check, "link": link, "journal": journal, "state": state}
    # The state first: a question to the daemon starts it.
    told = {name: parts[name]() for name in sorted(sys.argv[1:], key=lambda name: name != "state")}
    text = json.dumps(told, separators=(",", ":"))
    if len(text) > MOST_CHARS:
        print(f"{len(text)} characters are more than SSM takes", file=sys.stderr)
        sys.exit(1)
    print(text)


main()
