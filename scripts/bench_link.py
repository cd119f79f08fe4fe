"""`./bench link`: our worker and fi_pingpong in turn, in two namespaces of our own.

Ours is the median of 5000 round trips, halved; fi_pingpong prints the mean of its
run, already halved, without a warm-up: its first size carries the set-up of the
connection, so it runs all sizes and the first one is left out. Each number here
is the median over the alternating runs.
"""

import json
import os
import statistics
import subprocess
import sys

RUNS = 5
ITERATIONS = 2000
SIZES = [256, 1024, 4096]
NAMES = [f"nixl-bench-{os.getpid()}-{end}" for end in "ab"]
ADDRESSES = ["10.78.0.1", "10.78.0.2"]


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def inside(end, *command):
    return ["ip", "netns", "exec", NAMES[end], *command]


def ours(link):
    """Half round trips in microseconds by size."""
    found = {}
    run = subprocess.Popen([link, *ADDRESSES, "--in", *NAMES], stdout=subprocess.PIPE, text=True)
    try:
        for line in run.stdout:
            words = line.split()
            if words and words[0].isdigit() and int(words[0]) in SIZES:
                found[int(words[0])] = float(words[2]) / 2
            if len(found) == len(SIZES):
                break
    finally:
        run.terminate()
        run.wait(timeout=10)
    return found


def pingpong():
    """Half round trips in microseconds by size; both ends end by themselves."""
    command = ["timeout", "60", "fi_pingpong", "-p", "tcp;ofi_rxm", "-e", "rdm", "-S", "all", "-I", str(ITERATIONS)]
    server = subprocess.Popen(inside(0, *command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(100):
        if subprocess.run(inside(0, "ss", "-Hltn", "sport = :47592"), capture_output=True, text=True).stdout:
            break
    client = subprocess.run(inside(1, *command, ADDRESSES[0]), capture_output=True, text=True)
    server.wait(timeout=60)
    found = {}
    for line in client.stdout.splitlines():
        words = line.split()
        # bytes, #sent, #ack, total, time, MB/sec, usec/xfer, Mxfers/sec; 1024 is "1k"
        if len(words) == 8 and words[1] != "#sent":
            size = {"1k": 1024, "4k": 4096}.get(words[0]) or (int(words[0]) if words[0].isdigit() else 0)
            if size in SIZES:
                found[size] = float(words[6])
    if len(found) < len(SIZES):
        sys.exit(f"fi_pingpong gave too few numbers: {client.stdout}{client.stderr}")
    return found


def main():
    link, as_json = sys.argv[1], "--json" in sys.argv[2:]
    mine, theirs = ({size: [] for size in SIZES} for _ in range(2))
    try:
        for name in NAMES:
            ip("netns", "add", name)
        ip("link", "add", "eth0", "netns", NAMES[0], "type", "veth", "peer", "name", "eth0", "netns", NAMES[1])
        for name, address in zip(NAMES, ADDRESSES):
            ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                ip("-n", name, "link", "set", device, "up")
        for _ in range(RUNS):
            for size, value in ours(link).items():
                mine[size].append(value)
            for size, value in pingpong().items():
                theirs[size].append(value)
    finally:
        for name in NAMES:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
    if not as_json:
        print(f"{'half round trip':<20} {'ours':>8} {'fi_pingpong':>12} {'unit':>5} {'ratio':>6}   ({RUNS} runs each, in turn)")
    for size in SIZES:
        a, b = statistics.median(mine[size]), statistics.median(theirs[size])
        name = f"link_tcp_{size}_bytes"
        if as_json:
            print(json.dumps({"name": name, "ours": round(a, 2), "peer": round(b, 2), "unit": "us", "ratio": round(a / b, 3)}))
        else:
            print(f"{name:<20} {a:>8.2f} {b:>12.2f} {'us':>5} {a / b:>6.2f}")


main()
