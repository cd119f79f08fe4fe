"""One hop after another for `./bench mlflow`: the same calls to the server, to the API that verifies signatures, signed
beforehand, and to the node's endpoint, in turn on connections that are kept; prints how long each call took.

usage: bench_mlflow_hop.py ARN DIRECT OURS CALLS   with the account's keys and MLFLOW_TRACKING_TOKEN in the environment
"""

import json
import os
import pathlib
import sys
import time

import requests

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "tests/e2e/mlflow"))
import signed

BATCH = 100


def bodies(call, run, number):
    """What is sent by this call."""
    now = int(time.time() * 1000)
    one = {"value": 0.5, "timestamp": now, "step": number}
    if call == "log-metric":
        return {"run_id": run, "key": "loss", **one}
    return {"run_id": run, "metrics": [{"key": f"m{n}", **one} for n in range(BATCH)]}


def main():
    """Prints one JSON document."""
    arn, direct, ours, calls = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    token = {"authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}"}
    sessions = {way: requests.Session() for way in ("direct", "front", "ours")}
    made = sessions["direct"].post(f"{direct}/api/2.0/mlflow/runs/create", json={"experiment_id": "0"}, timeout=60)
    run = made.json()["run"]["info"]["run_id"]

    def request(way, call, number):
        path, body = f"/api/2.0/mlflow/runs/{call}", json.dumps(bodies(call, run, number)).encode()
        if way == "front":
            return signed.prepared(arn, "POST", os.environ["AWS_ENDPOINT_URL"] + path, body)
        base, more = (direct, {}) if way == "direct" else (ours, token)
        return requests.Request("POST", base + path, {"content-type": "application/json", **more}, data=body).prepare()

    took = {}
    for call in ("log-metric", "log-batch"):
        took[call] = {way: [] for way in sessions}
        for number in range(calls):
            for way, session in sessions.items():
                prepared = request(way, call, number)
                begun = time.perf_counter()
                answer = session.send(prepared, timeout=60)
                took[call][way].append((time.perf_counter() - begun) * 1000)
                answer.raise_for_status()
    print(json.dumps(took))


if __name__ == "__main__":
    main()
