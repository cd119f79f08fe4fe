#!/usr/bin/env python3
"""Types the commands that people look at a pair with, by the real AWS CLI, and reads what they print.

usage: AWS_ENDPOINT_URL=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… AWS_DEFAULT_REGION=… article_commands.py

The commands and what they show are those of the seed article: quota, instances by name, managed nodes, a
command on a node, stop and start, tracking server, presigned URL, buckets. Makes a pair of its own and removes it.
"""

import re
import sys
import tempfile
import uuid

import counting
from article.aws import aws, shown, until
from article.pair import NODES, SERVER, client, launched
from counting import check

BUCKET = "article-" + uuid.uuid4().hex[:8]
RUNNING = "Name=instance-state-name,Values=running"
# EC2 quota "Running On-Demand G and VT instances".
G_AND_VT = "L-DB2E81BA"


def quota():
    asked = ["service-quotas", "get-service-quota", "--service-code", "ec2", "--quota-code", G_AND_VT]
    told = shown(*asked)["Quota"]
    check(told["QuotaName"] == "Running On-Demand G and VT instances", told)
    check(told["ServiceCode"] == "ec2" and told["Adjustable"] is True, told)
    printed = aws(*asked, "--query", "Quota.Value", "--output", "text")
    check(float(printed) == told["Value"] and re.fullmatch(r"\d+\.\d", printed), printed)
    same = client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=G_AND_VT)["Quota"]
    check(same["Value"] == told["Value"], same)


def instances(ids):
    query = "Reservations[].Instances[].[InstanceId,PrivateIpAddress,State.Name]"
    addresses = []
    for name, instance in zip(NODES, ids):
        asked = ["ec2", "describe-instances", "--filters", f"Name=tag:Name,Values={name}", RUNNING, "--query", query]
        found, address, state = aws(*asked, "--output", "text").split("\t")
        check(found == instance and state == "running", (found, state))
        check(re.fullmatch(r"10\.77\.\d+\.\d+", address), address)
        table = aws(*asked, "--output", "table")
        check(all(word in table for word in ["DescribeInstances", instance, address, "running"]), table)
        addresses.append(address)
    filters = [{"Name": "tag:Name", "Values": NODES}]
    same = client("ec2").describe_instances(Filters=filters)["Reservations"]
    check({i["PrivateIpAddress"] for r in same for i in r["Instances"]} == set(addresses), same)
    return addresses


def managed(ids, status):
    query = "InstanceInformationList[0].PingStatus"
    for instance in ids:
        asked = ["ssm", "describe-instance-information", "--filters", f"Key=InstanceIds,Values={instance}"]
        until(f"{instance} is {status}", status, *asked, "--query", query)


def run_command(ids, addresses):
    command = aws(
        "ssm", "send-command", "--instance-ids", *ids, "--document-name", "AWS-RunShellScript",
        "--comment", "who are you", "--parameters", 'commands=["hostname"]',
        "--query", "Command.CommandId", "--output", "text",
    )
    check(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", command), command)
    for instance, address in zip(ids, addresses):
        asked = ["ssm", "get-command-invocation", "--command-id", command, "--instance-id", instance]
        until("the command is done", "Success", *asked, "--query", "Status")
        told = shown(*asked)
        check(told["ResponseCode"] == 0 and told["DocumentName"] == "AWS-RunShellScript", told)
        check(told["StandardOutputContent"] == f"ip-{address.replace('.', '-')}\n", told)
    listed = shown("ssm", "list-command-invocations", "--command-id", command)["CommandInvocations"]
    check({one["InstanceId"] for one in listed} == set(ids), listed)


def stop_and_start(ids, addresses):
    query = "Reservations[].Instances[].State.Name"
    described = ["ec2", "describe-instances", "--instance-ids", *ids, "--query", query]
    changes = "*[].[InstanceId,PreviousState.Name,CurrentState.Name]"
    for verb, before, now, at_last in [
        ("stop", "running", "stopping", "stopped"),
        ("start", "stopped", "pending", "running"),
    ]:
        printed = aws("ec2", f"{verb}-instances", "--instance-ids", *ids, "--query", changes, "--output", "text")
        rows = [line.split("\t") for line in printed.splitlines()]
        check(sorted(rows) == sorted([instance, before, now] for instance in ids), printed)
        until(f"both are {at_last}", f"{at_last}\t{at_last}", *described)
        managed(ids, "ConnectionLost" if verb == "stop" else "Online")
    check(instances(ids) == addresses, "a private address outlives a stop")


def tracking_server():
    named = ["--tracking-server-name", SERVER]
    described = ["sagemaker", "describe-mlflow-tracking-server", *named, "--query", "TrackingServerStatus"]
    check(aws(*described, "--output", "text") == "Created", "created")
    presign = [
        "sagemaker", "create-presigned-mlflow-tracking-server-url", *named,
        "--session-expiration-duration-in-seconds", "43200", "--query", "AuthorizedUrl", "--output", "text",
    ]
    first, second = aws(*presign), aws(*presign)
    check(re.fullmatch(r"https?://\S+/auth\?authToken=\S+", first) and first != second, first)
    for verb, on_the_way, at_last in [("stop", "Stopping", "Stopped"), ("start", "Starting", "Started")]:
        arn = aws("sagemaker", f"{verb}-mlflow-tracking-server", *named, "--query", "TrackingServerArn", "--output", "text")
        check(arn.endswith(f":mlflow-tracking-server/{SERVER}"), arn)
        check(aws(*described, "--output", "text") in (on_the_way, at_last), on_the_way)
        until(f"the tracking server is {at_last}", at_last, *described)
    check(aws(*presign).startswith(first.split("/auth?")[0]), "the same address again")


def buckets():
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("trace")
        file.flush()
        aws("s3", "cp", file.name, f"s3://{BUCKET}/mlflow/run/trace.txt")
    check(any(line.endswith(f" {BUCKET}") for line in aws("s3", "ls").splitlines()), "s3 ls")
    check("PRE mlflow/" in aws("s3", "ls", f"s3://{BUCKET}"), "s3 ls of a bucket")
    check("mlflow/run/trace.txt" in aws("s3", "ls", f"s3://{BUCKET}", "--recursive"), "s3 ls --recursive")
    check(f"remove_bucket: {BUCKET}" in aws("s3", "rb", f"s3://{BUCKET}", "--force"), "s3 rb --force")
    check(BUCKET not in aws("s3", "ls"), "the bucket is gone")


def main():
    quota()
    with launched(BUCKET) as ids:
        addresses = instances(ids)
        managed(ids, "Online")
        run_command(ids, addresses)
        stop_and_start(ids, addresses)
        tracking_server()
    buckets()
    print(f"{counting.checks} checks passed")


if __name__ == "__main__":
    sys.exit(main())
