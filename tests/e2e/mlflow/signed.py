"""Calls MLflow's API with requests signed by hand, right or wrong in one way, and prints the answer.

usage: signed.py ARN [--name EXPERIMENT | --wrong HOW | --times N | --artifact MIB [--forged]]

Without more it lists experiments; --name looks one up, --times lists N times from 8 threads and
counts, --artifact uploads so much through the server and downloads it again, or with --forged sees
another hash refused. Signing is botocore's, so that neither the client nor the verifier under test judges itself.
"""

import argparse
import concurrent.futures
import datetime
import hashlib
import json
import os
import time
from urllib.parse import quote

import botocore.auth
import requests
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

API = os.environ["AWS_ENDPOINT_URL"] + "/api/2.0/mlflow/experiments/"
SESSION = requests.Session()


class Signer(botocore.auth.SigV4Auth):
    """SigV4 with a clock that may be wrong."""

    late_secs = 0

    def add_auth(self, request):
        real = botocore.auth.get_current_datetime

        def late(*args, **kwargs):
            return real(*args, **kwargs) + datetime.timedelta(seconds=self.late_secs)

        botocore.auth.get_current_datetime = late
        try:
            super().add_auth(request)
        finally:
            botocore.auth.get_current_datetime = real


def keys(wrong):
    """The caller's keys."""
    secret = os.environ["AWS_SECRET_ACCESS_KEY"] + ("x" if wrong == "wrong-secret" else "")
    return Credentials(os.environ["AWS_ACCESS_KEY_ID"], secret, os.environ.get("AWS_SESSION_TOKEN") or None)


def prepared(arn, method, url, body=b"", wrong=None, payload_hash=None):
    """One request, signed."""
    app = ":mlflow-app/" in arn
    route = "x-sm-mlflow-app-arn" if app else "x-mlflow-sm-tracking-server-arn"
    service = "sagemaker" if app else "sagemaker-mlflow"
    if wrong == "wrong-service":
        service = "sagemaker-mlflow" if app else "sagemaker"
    region = "eu-west-9" if wrong == "wrong-region" else arn.split(":")[3]
    headers = {"content-type": "application/json", "x-amz-content-sha256": payload_hash or hashlib.sha256(body).hexdigest()}
    if wrong in ("wrong-payload", "wrong-large-payload"):
        headers["x-amz-content-sha256"] = hashlib.sha256(b"other").hexdigest()
    if wrong == "unsigned-payload":
        headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
    named = {route: arn + "x" if wrong == "unknown-arn" else arn}
    if wrong not in ("no-route", "unsigned-route"):
        headers.update(named)
    request = AWSRequest(method=method, url=url, data=body, headers=headers)
    signer = Signer(keys(wrong), service, region)
    signer.late_secs = {"old-date": -330, "future-date": 330}.get(wrong, 0)
    if wrong != "unsigned":
        signer.add_auth(request)
    headers = dict(request.headers.items())
    if wrong == "unsigned-route":
        headers.update(named)
    if wrong == "changed-query":
        url += "&max_results=7" if "?" in url else "?max_results=7"
    request = requests.Request(method, url, headers, data=body or None).prepare()
    request.url = url
    return request


def send(arn, method, url, body=b"", wrong=None):
    """One request; what was answered."""
    answer = SESSION.send(prepared(arn, method, url, body, wrong), timeout=60)
    return {"status": answer.status_code, "body": answer.text}


def pieces(mib):
    """So many MiB, each another one."""
    block = os.urandom(1 << 20)
    return [(n, block) for n in range(mib)]


def piece(numbered):
    """One of them."""
    number, block = numbered
    return number.to_bytes(8, "big") + block[8:]


def artifact(arn, mib, forged):
    """Uploads and downloads without holding either in memory."""
    made = pieces(mib)
    whole = hashlib.sha256()
    for one in made:
        whole.update(piece(one))
    url = os.environ["AWS_ENDPOINT_URL"] + f"/api/2.0/mlflow-artifacts/artifacts/large/{'forged' if forged else 'whole'}"
    signed = hashlib.sha256(b"other").hexdigest() if forged else whole.hexdigest()
    upload = prepared(arn, "PUT", url, payload_hash=signed)
    upload.headers["content-length"] = str(mib << 20)
    upload.body = (piece(one) for one in made)
    begun = time.monotonic()
    sent = SESSION.send(upload, timeout=300)
    up_secs = time.monotonic() - begun
    found = hashlib.sha256()
    answer = SESSION.send(prepared(arn, "GET", url), stream=True, timeout=300)
    begun = time.monotonic()
    for one in answer.iter_content(1 << 20):
        found.update(one)
    down_secs = time.monotonic() - begun
    same = answer.status_code == 200 and found.digest() == whole.digest()
    return {"sent": sent.status_code, "there": answer.status_code, "same": same, "up_secs": up_secs, "down_secs": down_secs}


def many(arn, count):
    """Lists so often, as fast as it goes."""
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: send(arn, "GET", API + "search?max_results=1"), range(count)))
    codes = [one["status"] for one in told]
    return {"passed": codes.count(200), "throttled": codes.count(429), "seconds": time.monotonic() - begun}


def main():
    """Prints one JSON document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("arn")
    parser.add_argument("--name")
    parser.add_argument("--wrong")
    parser.add_argument("--times", type=int)
    parser.add_argument("--artifact", type=int)
    parser.add_argument("--forged", action="store_true")
    args = parser.parse_args()
    if args.artifact:
        told = artifact(args.arn, args.artifact, args.forged)
    elif args.times:
        told = many(args.arn, args.times)
    elif args.name:
        told = send(args.arn, "GET", API + "get-by-name?experiment_name=" + quote(args.name, safe=""))
    elif args.wrong:
        made = {"name": "forged"}
        if args.wrong == "wrong-large-payload":
            # More than is read at once, so that it is checked while it streams.
            made["artifact_location"] = "s3://b/" + "x" * (2 << 20)
        told = send(args.arn, "POST", API + "create", json.dumps(made).encode(), args.wrong)
    else:
        told = send(args.arn, "GET", API + "search?max_results=5")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
