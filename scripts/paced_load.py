"""Asks for a path at a fixed rate over one connection and prints a line of JSON: how many answers in what time, and
the 50th and 99th percentile of how long each took from when it was due, so that waiting for a slow one counts.

paced_load.py PORT PATH RATE_PER_SEC SECS
"""

import json
import socket
import sys
import time


def read_answer(stream):
    """Reads one answer; its length is told."""
    length, chunked = None, False
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        elif name.lower() == b"transfer-encoding":
            chunked = True
    while chunked and (size := int(stream.readline(), 16)):
        stream.read(size + 2)
    if chunked:
        stream.readline()
    elif length is None:
        sys.exit("paced_load: the answer does not tell its length")
    else:
        stream.read(length)


def main():
    port, path, rate, secs = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = connection.makefile("rb")
    request = f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()
    begun, took = time.perf_counter(), []
    while (due := begun + len(took) / rate) < begun + secs:
        while (now := time.perf_counter()) < due:
            # Short of the last bit, which a sleep would miss.
            if due - now > 0.0003:
                time.sleep(due - now - 0.0002)
        # Far behind, it would never end.
        if now > begun + 2 * secs:
            break
        connection.sendall(request)
        read_answer(stream)
        took.append(time.perf_counter() - due)
    elapsed = time.perf_counter() - begun
    took.sort()
    at = lambda percent: took[min(len(took) - 1, len(took) * percent // 100)] * 1e3
    print(json.dumps({"per_sec": len(took) / elapsed, "p50_millis": at(50), "p99_millis": at(99)}))


main()
