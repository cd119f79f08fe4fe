"""Tracks with MLflow's client, reads back, and prints what it found.

usage: tracks.py URI [--experiment NAME] [--refused | --trace | --artifact MIB]

URI is an ARN where AWS's plugin is installed. --refused prints the error of an experiment that may
not be made, --trace logs spans and reads them back, --artifact logs a file of that size.
"""

import argparse
import hashlib
import json
import os
import pathlib
import tempfile
import time

import mlflow
from mlflow.entities import Metric, Param


def trace(experiment):
    """A trace of two spans, read back."""
    found = mlflow.set_experiment(experiment)
    with mlflow.start_span("outer") as outer:
        outer.set_inputs({"question": 1})
        with mlflow.start_span("inner") as inner:
            inner.set_outputs({"answer": 42})
    mlflow.flush_trace_async_logging()
    read = mlflow.MlflowClient().get_trace(outer.trace_id)
    listed = mlflow.search_traces(locations=[found.experiment_id], return_type="list")
    return {
        "spans": sorted(span.name for span in read.data.spans),
        "listed": outer.trace_id in [one.info.trace_id for one in listed],
    }


def artifact(experiment, mib):
    """A file of this size, logged and downloaded again."""
    mlflow.set_experiment(experiment)
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/var/tmp")) as folder:
        made = pathlib.Path(folder, "large")
        whole = hashlib.sha256()
        block = os.urandom((1 << 20) - 8)
        with made.open("wb") as file:
            for number in range(mib):
                piece = number.to_bytes(8, "big") + block
                whole.update(piece)
                file.write(piece)
        with mlflow.start_run() as run:
            begun = time.monotonic()
            mlflow.log_artifact(str(made))
            up_secs = time.monotonic() - begun
        made.unlink()
        begun = time.monotonic()
        got = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="large", dst_path=folder)
        down_secs = time.monotonic() - begun
        with open(got, "rb") as file:
            same = hashlib.file_digest(file, "sha256").digest() == whole.digest()
    return {"same": same, "up_secs": up_secs, "down_secs": down_secs}


def track(experiment):
    """One run with batches of metrics, parameters and an artifact."""
    begun = time.monotonic()
    client = mlflow.MlflowClient()
    mlflow.set_experiment(experiment)
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
    parser = argparse.ArgumentParser()
    parser.add_argument("uri")
    parser.add_argument("--experiment", default="tracked")
    parser.add_argument("--refused", action="store_true")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--artifact", type=int)
    args = parser.parse_args()
    mlflow.set_tracking_uri(args.uri)
    if args.trace:
        told = trace(args.experiment)
    elif args.artifact:
        told = artifact(args.experiment, args.artifact)
    elif args.refused:
        try:
            mlflow.set_experiment("not allowed")
            told = {"error": None}
        except mlflow.exceptions.MlflowException as error:
            told = {"error": str(error)}
    else:
        told = track(args.experiment)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
