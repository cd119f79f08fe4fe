"""Tracks with MLflow's client and AWS's plugin, reads back, and prints what it found.

usage: tracks.py ARN [--refused]   with the second it prints the error instead
"""

import json
import sys
import time

import mlflow
from mlflow.entities import Metric, Param


def track():
    """One run with batches of metrics, parameters and an artifact."""
    begun = time.monotonic()
    client = mlflow.MlflowClient()
    mlflow.set_experiment("tracked")
    with mlflow.start_run(run_name="a run", tags={"kind": "test"}) as run:
        params = [Param(f"p{n}", str(n)) for n in range(100)]
        client.log_batch(run.info.run_id, params=params)
        now = int(time.time() * 1000)
        for start in (0, 1000):
            points = [Metric("loss", 1 / (1 + n), now, n) for n in range(start, start + 1000)]
            client.log_batch(run.info.run_id, metrics=points)
        mlflow.log_text("kept", "a folder/a b.txt")
    found = client.get_run(run.info.run_id)
    listed = [entry.path for entry in client.list_artifacts(run.info.run_id, "a folder")]
    assert listed == ["a folder/a b.txt"], listed
    assert found.data.tags["kind"] == "test", found.data.tags
    runs = client.search_runs([found.info.experiment_id], "tags.kind = 'test'")
    assert run.info.run_id in [one.info.run_id for one in runs], runs
    return {
        "metrics": len(client.get_metric_history(run.info.run_id, "loss")),
        "params": len(found.data.params),
        "artifact": mlflow.artifacts.load_text(f"{found.info.artifact_uri}/a folder/a b.txt"),
        "status": found.info.status,
        "seconds": round(time.monotonic() - begun, 2),
    }


def main():
    """Prints one JSON document."""
    mlflow.set_tracking_uri(sys.argv[1])
    if "--refused" not in sys.argv:
        told = track()
    else:
        try:
            mlflow.set_experiment("not allowed")
            told = {"error": None}
        except mlflow.exceptions.MlflowException as error:
            told = {"error": str(error)}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
