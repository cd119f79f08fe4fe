"""What the checks share: a name, clients, counting, waiting."""

import time
import uuid

import boto3
import botocore.config
import botocore.exceptions
from counting import check

NAME = "judge-" + uuid.uuid4().hex[:8]
TAGS = [{"Key": "judge", "Value": NAME}]
CONFIG = botocore.config.Config(
    region_name="us-east-1", retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
)


def refused(code, call, **arguments):
    """The call must fail with this code."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        got = error.response["Error"]["Code"]
        check(got == code, f"expected {code}, got {got}: {error}")
        return error
    raise AssertionError(f"expected {code}, but it was carried out: {arguments}")


def wait(what, probe, seconds=600):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = probe()
        if answer:
            return answer
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {seconds} s")


def client(service, **more):
    return boto3.client(service, config=CONFIG, **more)
