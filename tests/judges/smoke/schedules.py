"""A role that is assumed, and a schedule that fires as it."""

import datetime
import json

import boto3

from .base import CONFIG, NAME, TAGS, check, client, refused, wait

ROLE = NAME + "-schedules"
GROUP = NAME
PARAMETER = f"/{NAME}/fired"


def trust(principal):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def assume(iam, role):
    """The role's session may do what the role may, and no more."""
    sts = client("sts")
    refused("AccessDenied", sts.assume_role, RoleArn=role["Arn"], RoleSessionName="judge")
    account = sts.get_caller_identity()["Account"]
    principal = {"AWS": account, "Service": "scheduler.amazonaws.com"}
    iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=trust(principal))
    refused(
        "ValidationError", sts.assume_role, RoleArn=role["Arn"], RoleSessionName="judge", DurationSeconds=7200
    )
    given = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="judge", DurationSeconds=900)
    keys = given["Credentials"]
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    me = session.client("sts", config=CONFIG).get_caller_identity()
    check(me["Arn"] == given["AssumedRoleUser"]["Arn"], me)
    error = refused("UnauthorizedOperation", session.client("ec2", config=CONFIG).describe_vpcs)
    encoded = error.response["Error"]["Message"].split()[-1]
    decoded = json.loads(sts.decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    check(decoded["context"]["action"] == "ec2:DescribeVpcs" and not decoded["allowed"], decoded)
    refused("AccessDeniedException", session.client("ssm", config=CONFIG).get_parameter, Name=PARAMETER)


def judge():
    iam, scheduler, ssm = client("iam"), client("scheduler"), client("ssm")
    role = iam.create_role(
        RoleName=ROLE, AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"}), Tags=TAGS
    )["Role"]
    statement = {"Effect": "Allow", "Action": "ssm:PutParameter", "Resource": "*"}
    iam.put_role_policy(
        RoleName=ROLE, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    group = scheduler.create_schedule_group(Name=GROUP, Tags=TAGS)["ScheduleGroupArn"]
    check(scheduler.list_tags_for_resource(ResourceArn=group)["Tags"] == TAGS, "tags of a group")
    refused("ConflictException", scheduler.create_schedule_group, Name=GROUP)
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
    schedule = {
        "Name": NAME,
        "GroupName": GROUP,
        "ScheduleExpression": f"at({soon:%Y-%m-%dT%H:%M:%S})",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": "arn:aws:scheduler:::aws-sdk:ssm:putParameter",
            "RoleArn": role["Arn"],
            "Input": json.dumps({"Name": PARAMETER, "Value": "1", "Type": "String"}),
        },
    }
    refused("ValidationException", scheduler.create_schedule, **schedule)
    assume(iam, role)
    arn = scheduler.create_schedule(**schedule)["ScheduleArn"]
    refused("ConflictException", scheduler.create_schedule, **schedule)
    got = scheduler.get_schedule(Name=NAME, GroupName=GROUP)
    check(got["Arn"] == arn and got["State"] == "ENABLED" and got["ActionAfterCompletion"] == "DELETE", got)
    listed = scheduler.list_schedules(GroupName=GROUP)["Schedules"]
    check([entry["Name"] for entry in listed] == [NAME], listed)
    wait("the schedule", lambda: not scheduler.list_schedules(GroupName=GROUP)["Schedules"], 30)
    check(ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"] == "1", "the schedule fired")
    refused("ResourceNotFoundException", scheduler.get_schedule, Name=NAME, GroupName=GROUP)
    ssm.delete_parameter(Name=PARAMETER)
    scheduler.delete_schedule_group(Name=GROUP)
    refused("ResourceNotFoundException", scheduler.get_schedule_group, Name=GROUP)
    iam.delete_role_policy(RoleName=ROLE, PolicyName="p")
    iam.delete_role(RoleName=ROLE)
