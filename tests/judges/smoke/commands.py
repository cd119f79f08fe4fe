"""Managed nodes and Run Command of SSM."""

import botocore.exceptions

from .base import NAME, check, client, refused, wait


def judge(ids, real):
    """With machines that only pretend, what a script does is left out."""
    ssm = client("ssm")
    nodes(ssm, ids)
    send = ssm.send_command
    refused("InvalidDocument", send, InstanceIds=ids, DocumentName="AWS-RunNothing")
    refused("InvalidParameters", send, InstanceIds=ids, DocumentName="AWS-RunShellScript")
    script = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["echo $SSM_COMMAND_ID", "exit 3"]}}
    error = refused("InvalidInstanceId", send, InstanceIds=["i-0123456789abcdef0"], **script)
    check("Instances [[i-0123456789abcdef0]] not in a valid state for account" in str(error), error)
    targets = [{"Key": "tag:judge", "Values": [NAME]}]
    command = send(Targets=targets, OutputS3BucketName=NAME, OutputS3KeyPrefix="out", Comment="judge", **script)["Command"]
    check(command["Status"] == "Pending" and command["TimeoutSeconds"] == 3600, command)
    of_it = {"CommandId": command["CommandId"]}
    refused("InvocationDoesNotExist", ssm.get_command_invocation, InstanceId=ids[0], **of_it)
    for instance in ids:
        # The waiter takes a failed command for a failure, as it is.
        try:
            ssm.get_waiter("command_executed").wait(InstanceId=instance, **of_it, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        except botocore.exceptions.WaiterError as waited:
            check(real and "Failed" in str(waited), waited)
        got = ssm.get_command_invocation(InstanceId=instance, **of_it)
        check(got["PluginName"] == "aws:runShellScript" and got["ExecutionEndDateTime"], got)
        if real:
            check((got["Status"], got["ResponseCode"]) == ("Failed", 3), got)
            check(got["StandardOutputContent"] == command["CommandId"] + "\n", got)
            check(got["StandardErrorContent"].endswith("exit status 3"), got)
    pages = ssm.get_paginator("list_command_invocations").paginate(Details=True, PaginationConfig={"PageSize": 1}, **of_it)
    listed = [one for page in pages for one in page["CommandInvocations"]]
    check({one["InstanceId"] for one in listed} == set(ids) and listed[0]["CommandPlugins"][0]["Output"], listed)
    told = ssm.list_commands(**of_it)["Commands"][0]
    check(told["TargetCount"] == told["CompletedCount"] == len(ids), told)
    if real:
        cancelled(ssm, ids[0])


def nodes(ssm, ids):
    def online():
        filters = [{"Key": "tag:judge", "Values": [NAME]}, {"Key": "PingStatus", "Values": ["Online"]}]
        found = ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
        return found if {node["InstanceId"] for node in found} == set(ids) else None

    node = wait("agents", online)[0]
    check(node["PlatformName"] == "Debian GNU/Linux" and node["IamRole"] == NAME, node)
    refused("InvalidFilterKey", ssm.describe_instance_information, Filters=[{"Key": "Colour", "Values": ["red"]}])


def cancelled(ssm, instance):
    command = ssm.send_command(
        InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters={"commands": ["sleep 1000"]}
    )["Command"]
    of_it = {"CommandId": command["CommandId"], "InstanceId": instance}

    def status():
        try:
            return ssm.get_command_invocation(**of_it)["Status"]
        except ssm.exceptions.InvocationDoesNotExist:
            return None

    wait("running", lambda: status() == "InProgress")
    ssm.cancel_command(CommandId=command["CommandId"])
    wait("cancelled", lambda: status() == "Cancelled", 20)
