"""`./bench link`: our workers and fi_pingpong in turn, over TCP between two network
namespaces of our own and over shared memory, each end on a processor of its own.

Half round trips: ours is the median of 5000, halved; fi_pingpong prints the mean of its run,
already halved, without a warm-up: its first size carries the set-up of the connection, so it
runs all sizes and the first one is left out. Rates: ours is a transfer one way, counted where it
arrives; fi_pingpong counts the bytes of both directions of its ping-pong. Each number here is the
median over the alternating runs.
"""

import json
import os
import statistics
import subprocess
import sys

RUNS = 5
ITERATIONS = 500
SIZES = {256: "256", 1024: "1k", 4096: "4k", 65536: "64k"}
TRANSFER, TRANSFER_NAME = 1 << 20, "1m"
NAMES = [f"nixl-bench-{os.getpid()}-{end}" for end in "ab"]
ADDRESSES = ["10.78.0.1", "10.78.0.2"]
PINGPONG = {"tcp": "tcp;ofi_rxm", "shm": "shm"}


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


def inside(provider, end, *command):
    # Shared memory needs no network; fi_pingpong's own connection takes one namespace.
    return ["ip", "netns", "exec", NAMES[end if provider == "tcp" else 0], *command]


def ours(link, provider):
    """{("two-sided", size): us, ("rate", mode): Gb/s}"""
    where = [*ADDRESSES, "--in", *NAMES] if provider == "tcp" else []
    found, unit = {}, None
    run = subprocess.Popen([link, provider, *where, "--pin"], stdout=subprocess.PIPE, text=True)
    try:
        for line in run.stdout:
            words = line.split()
            if "Failed" in line:
                sys.exit(f"not measured over {provider}: {line}")
            if words[0] in ("us", "Gb/s"):
                unit = words[0]
            elif words[0] == "with":
                break
            elif unit == "us":
                found[words[0], int(words[1])] = float(words[3]) / 2
            elif int(words[1]) == TRANSFER:
                found["rate", words[0]] = float(words[2])
    finally:
        run.terminate()
        run.wait(timeout=10)
    return found


def pingpong(provider):
    """The same of fi_pingpong, which has no one-sided test; both ends end by themselves."""
    command = ["fi_pingpong", "-p", PINGPONG[provider], "-e", "rdm", "-S", "all", "-I", str(ITERATIONS)]
    ends = [["timeout", "120", "taskset", "-c", str(end), *command] for end in (0, 1)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(inside(provider, 0, *ends[0]), **quiet)
    for _ in range(200):
        listening = inside(provider, 0, "ss", "-Hltn", "sport = :47592")
        if subprocess.run(listening, capture_output=True, text=True).stdout:
            break
    address = ADDRESSES[0] if provider == "tcp" else "127.0.0.1"
    client = subprocess.run(inside(provider, 1, *ends[1], address), capture_output=True, text=True)
    server.wait(timeout=120)
    found = {}
    names = {name: size for size, name in SIZES.items()}
    for line in client.stdout.splitlines():
        words = line.split()
        # bytes, #sent, #ack, total, time, MB/sec, usec/xfer, Mxfers/sec
        if len(words) == 8 and words[0] in names:
            found["two-sided", names[words[0]]] = float(words[6])
        elif len(words) == 8 and words[0] == TRANSFER_NAME:
            found["rate", "two-sided"] = float(words[5]) * 8 / 1000
    if len(found) < len(SIZES) + 1:
        sys.exit(f"fi_pingpong gave too few numbers: {client.stdout}{client.stderr}")
    return found


def network():
    for name in NAMES:
        ip("netns", "add", name)
    ip("link", "add", "eth0", "netns", NAMES[0], "type", "veth", "peer", "name", "eth0", "netns", NAMES[1])
    for name, address in zip(NAMES, ADDRESSES):
        ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            ip("-n", name, "link", "set", device, "up")


def tell(name, unit, a, b, as_json):
    if as_json:
        print(json.dumps({"name": name, "ours": round(a, 2), "peer": round(b, 2), "unit": unit, "ratio": round(a / b, 3)}))
    else:
        print(f"{name:<34} {a:>8.2f} {b:>12.2f} {unit:>5} {a / b:>6.2f}")


def main():
    link, as_json = sys.argv[1], "--json" in sys.argv[2:]
    mine, theirs = {}, {}
    try:
        network()
        for _ in range(RUNS):
            for provider in PINGPONG:
                for key, value in ours(link, provider).items():
                    mine.setdefault((provider, *key), []).append(value)
                for key, value in pingpong(provider).items():
                    theirs.setdefault((provider, *key), []).append(value)
    finally:
        for name in NAMES:
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
    if not as_json:
        print(f"{'half round trip, or rate':<34} {'ours':>8} {'fi_pingpong':>12} {'unit':>5} {'ratio':>6}   ({RUNS} runs each, in turn)")
    for provider in PINGPONG:
        for mode in ("two-sided", "one-sided"):
            for size in SIZES:
                a, b = mine[provider, mode, size], theirs[provider, "two-sided", size]
                name = f"link_{provider}_{mode.replace('-', '_')}_{size}_bytes"
                tell(name, "us", statistics.median(a), statistics.median(b), as_json)
            a, b = mine[provider, "rate", mode], theirs[provider, "rate", "two-sided"]
            name = f"link_{provider}_{mode.replace('-', '_')}_rate_1_mib"
            tell(name, "Gb/s", statistics.median(a), statistics.median(b), as_json)


main()
