"""One client of `./bench mlflow`: logs with MLflow's client and prints how long each call took.

usage: bench_mlflow_client.py URI METRICS BATCHES   URI is an ARN where AWS's plugin is installed
"""

import json
import sys
import time

import mlflow
from mlflow.entities import Metric

BATCH = 100


def timed(count, call):
    """Milliseconds of each call."""
    took = []
    for number in range(count):
        begun = time.perf_counter()
        call(number)
        took.append((time.perf_counter() - begun) * 1000)
    return took


def main():
    """Prints one JSON document."""
    uri, metrics, batches = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    mlflow.set_experiment("bench")
    run = client.create_run(client.get_experiment_by_name("bench").experiment_id).info.run_id
    client.log_metric(run, "warm", 0.0)
    now = int(time.time() * 1000)

    def batch(number):
        client.log_batch(run, metrics=[Metric(f"m{n}", 0.5, now, number) for n in range(BATCH)])

    told = {
        "log_metric": timed(metrics, lambda number: client.log_metric(run, "loss", 0.5, step=number)),
        "log_batch": timed(batches, batch),
    }
    client.set_terminated(run)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
