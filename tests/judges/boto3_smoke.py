#!/usr/bin/env python3
"""Judges the local region's API with boto3, a client that is not ours.

usage: AWS_ENDPOINT_URL=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… boto3_smoke.py [--credentials URL]

Makes its own resources under one random name, checks answers and error codes,
and removes everything. `--credentials URL/{id}` names where the credentials of
an instance's role can be read (the example api_only has it); without it the
checks of role sessions are left out and said so.
"""

import argparse
import json
import os
import sys
import time
import urllib.request
import uuid

import boto3
import botocore.auth
import botocore.config
import botocore.exceptions

NAME = "judge-" + uuid.uuid4().hex[:8]
TAGS = [{"Key": "judge", "Value": NAME}]
CONFIG = botocore.config.Config(
    region_name="us-east-1", retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
)
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "ec2:CreateTags",
            "Resource": "arn:aws:ec2:*:*:instance/*",
            "Condition": {
                "ArnEquals": {"ec2:SourceInstanceARN": "arn:aws:ec2:*:*:instance/${ec2:InstanceID}"},
                "ForAllValues:StringLike": {"aws:TagKeys": ["nixl:*"]},
                "Null": {"aws:TagKeys": "false"},
            },
        },
    ],
}
DOCUMENT = """schemaVersion: 1.0
phases:
- name: build
  steps:
  - name: install
    action: ExecuteBash
    inputs:
      commands: ['echo %s']
"""
checks = 0


def check(truth, what):
    global checks
    checks += 1
    if not truth:
        raise AssertionError(what)


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


def signatures():
    bad = {"aws_access_key_id": "AKIANOBODY", "aws_secret_access_key": "x"}
    refused("AuthFailure", client("ec2", **bad).describe_vpcs)
    refused("InvalidClientTokenId", client("sts", **bad).get_caller_identity)
    refused("InvalidClientTokenId", client("iam", **bad).list_roles)
    refused("UnrecognizedClientException", client("ssm", **bad).get_parameter, Name="x")
    refused("UnrecognizedClientException", client("imagebuilder", **bad).list_images)
    refused("InvalidAccessKeyId", client("s3", **bad).list_buckets)
    own = os.environ["AWS_ACCESS_KEY_ID"]
    wrong = {"aws_access_key_id": own, "aws_secret_access_key": "wrong"}
    refused("SignatureDoesNotMatch", client("iam", **wrong).list_roles)
    refused("SignatureDoesNotMatch", client("s3", **wrong).list_buckets)
    refused("InvalidSignatureException", client("sagemaker", **wrong).list_mlflow_tracking_servers)
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    wrong_token = {"aws_access_key_id": own, "aws_secret_access_key": secret, "aws_session_token": "nonsense"}
    refused("InvalidClientTokenId", client("sts", **wrong_token).get_caller_identity)
    unsigned = botocore.config.Config(signature_version=botocore.UNSIGNED, region_name="us-east-1")
    for service, code, operation in [
        ("ec2", "MissingAuthenticationToken", "describe_vpcs"),
        ("sagemaker", "MissingAuthenticationTokenException", "list_mlflow_tracking_servers"),
        ("imagebuilder", "MissingAuthenticationTokenException", "list_images"),
        ("s3", "AccessDenied", "list_buckets"),
    ]:
        refused(code, getattr(boto3.client(service, config=unsigned), operation))
    refused("InvalidAction", client("ec2").describe_addresses)
    refused("InvalidAction", client("iam").list_users)
    refused("UnknownOperationException", client("ssm").list_commands)
    refused("UnknownOperationException", client("imagebuilder").list_image_pipelines)


def identity():
    me = client("sts").get_caller_identity()
    check(me["Arn"].startswith(f"arn:aws:iam::{me['Account']}:"), me)
    return me["Account"]


def iam_roles():
    iam = client("iam")
    role = iam.create_role(
        RoleName=NAME, AssumeRolePolicyDocument=json.dumps(TRUST), Description="judge", Tags=TAGS
    )["Role"]
    check(role["AssumeRolePolicyDocument"] == TRUST, role)
    refused("EntityAlreadyExists", iam.create_role, RoleName=NAME, AssumeRolePolicyDocument=json.dumps(TRUST))
    refused("MalformedPolicyDocument", iam.create_role, RoleName=NAME + "x", AssumeRolePolicyDocument="{")
    refused("NoSuchEntity", iam.get_role, RoleName=NAME + "x")
    iam.put_role_policy(RoleName=NAME, PolicyName="node", PolicyDocument=json.dumps(POLICY))
    got = iam.get_role_policy(RoleName=NAME, PolicyName="node")["PolicyDocument"]
    check(got == POLICY, got)
    check(iam.list_role_policies(RoleName=NAME)["PolicyNames"] == ["node"], "inline policies")
    refused("MalformedPolicyDocument", iam.put_role_policy, RoleName=NAME, PolicyName="x", PolicyDocument="{}")
    managed = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    iam.attach_role_policy(RoleName=NAME, PolicyArn=managed)
    refused("NoSuchEntity", iam.attach_role_policy, RoleName=NAME, PolicyArn=managed + "X")
    attached = iam.list_attached_role_policies(RoleName=NAME)["AttachedPolicies"]
    check([a["PolicyArn"] for a in attached] == [managed], attached)
    iam.tag_role(RoleName=NAME, Tags=[{"Key": "k", "Value": "v"}])
    check(len(iam.list_role_tags(RoleName=NAME)["Tags"]) == 2, "role tags")
    iam.untag_role(RoleName=NAME, TagKeys=["k"])
    check(any(r["RoleName"] == NAME for r in iam.list_roles()["Roles"]), "list roles")
    profile = iam.create_instance_profile(InstanceProfileName=NAME, Tags=TAGS)["InstanceProfile"]
    check(profile["Roles"] == [], profile)
    iam.add_role_to_instance_profile(InstanceProfileName=NAME, RoleName=NAME)
    refused("LimitExceeded", iam.add_role_to_instance_profile, InstanceProfileName=NAME, RoleName=NAME)
    got = iam.get_instance_profile(InstanceProfileName=NAME)["InstanceProfile"]
    check(got["Roles"][0]["Arn"] == role["Arn"] and got["Tags"] == TAGS, got)
    listed = iam.list_instance_profiles_for_role(RoleName=NAME)["InstanceProfiles"]
    check([p["InstanceProfileName"] for p in listed] == [NAME], listed)
    check(iam.list_instance_profiles()["InstanceProfiles"], "profiles")
    refused("DeleteConflict", iam.delete_role, RoleName=NAME)
    refused("DeleteConflict", iam.delete_instance_profile, InstanceProfileName=NAME)
    return role


def iam_down():
    iam = client("iam")
    iam.remove_role_from_instance_profile(InstanceProfileName=NAME, RoleName=NAME)
    iam.delete_instance_profile(InstanceProfileName=NAME)
    refused("NoSuchEntity", iam.delete_instance_profile, InstanceProfileName=NAME)
    refused("DeleteConflict", iam.delete_role, RoleName=NAME)
    iam.delete_role_policy(RoleName=NAME, PolicyName="node")
    iam.detach_role_policy(
        RoleName=NAME, PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    )
    iam.delete_role(RoleName=NAME)
    refused("NoSuchEntity", iam.delete_role, RoleName=NAME)


def parameters():
    ssm = client("ssm")
    ami = ssm.get_parameter(Name="/aws/service/debian/release/12/latest/amd64")["Parameter"]
    check(ami["Value"].startswith("ami-") and ami["DataType"] == "aws:ec2:image", ami)
    check(ssm.put_parameter(Name=f"/{NAME}", Value="1", Type="String")["Version"] == 1, "put")
    refused("ParameterAlreadyExists", ssm.put_parameter, Name=f"/{NAME}", Value="2", Type="String")
    check(ssm.put_parameter(Name=f"/{NAME}", Value="2", Overwrite=True)["Version"] == 2, "overwrite")
    refused("AccessDeniedException", ssm.put_parameter, Name="/aws/x", Value="2", Type="String")
    many = ssm.get_parameters(Names=[f"/{NAME}", "/none"])
    check(many["Parameters"][0]["Value"] == "2" and many["InvalidParameters"] == ["/none"], many)
    check(ssm.get_parameter(Name=many["Parameters"][0]["ARN"])["Parameter"]["Value"] == "2", "by ARN")
    ssm.delete_parameter(Name=f"/{NAME}")
    refused("ParameterNotFound", ssm.get_parameter, Name=f"/{NAME}")
    refused("ParameterNotFound", ssm.delete_parameter, Name=f"/{NAME}")
    return ami["Value"]


def s3():
    s3 = client("s3")
    s3.create_bucket(Bucket=NAME)
    s3.create_bucket(Bucket=NAME)
    refused("404", s3.head_bucket, Bucket=NAME + "x")
    s3.head_bucket(Bucket=NAME)
    check(not s3.get_bucket_location(Bucket=NAME).get("LocationConstraint"), "location")
    refused("NoSuchTagSet", s3.get_bucket_tagging, Bucket=NAME)
    s3.put_bucket_tagging(Bucket=NAME, Tagging={"TagSet": TAGS})
    check(s3.get_bucket_tagging(Bucket=NAME)["TagSet"] == TAGS, "bucket tags")
    block = dict.fromkeys(
        ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True
    )
    s3.put_public_access_block(Bucket=NAME, PublicAccessBlockConfiguration=block)
    got = s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"]
    check(got == block, got)
    refused("NoSuchBucket", s3.put_object, Bucket=NAME + "x", Key="k", Body=b"")
    s3.put_object(Bucket=NAME, Key="a/b c+d.txt", Body=b"text", Metadata={"m": "v"})
    got = s3.get_object(Bucket=NAME, Key="a/b c+d.txt")
    check(got["Body"].read() == b"text" and got["Metadata"] == {"m": "v"}, got)
    refused("404", s3.head_object, Bucket=NAME, Key="none")
    refused("NoSuchKey", s3.get_object, Bucket=NAME, Key="none")
    refused("PreconditionFailed", s3.put_object, Bucket=NAME, Key="a/b c+d.txt", Body=b"", IfNoneMatch="*")
    refused("InvalidArgument", s3.put_object, Bucket=NAME, Key="a/../../x/y", Body=b"")
    outside = {"Objects": [{"Key": "../x/y"}]}
    refused("InvalidArgument", s3.delete_objects, Bucket=NAME, Delete=outside)
    s3.copy_object(Bucket=NAME, Key="copy", CopySource={"Bucket": NAME, "Key": "a/b c+d.txt"})
    s3.delete_object(Bucket=NAME, Key="copy")
    s3.put_object(Bucket=NAME, Key="big", Body=b"x" * (9 << 20))
    listed = s3.list_objects_v2(Bucket=NAME, Delimiter="/")
    check([p["Prefix"] for p in listed["CommonPrefixes"]] == ["a/"], listed)
    check([o["Key"] for o in listed["Contents"]] == ["big"], listed)
    listed = s3.list_objects_v2(Bucket=NAME, Prefix="a/")["Contents"]
    check([o["Key"] for o in listed] == ["a/b c+d.txt"], listed)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": NAME, "Key": "big"}, ExpiresIn=60)
    check(len(urllib.request.urlopen(url).read()) == 9 << 20, "presigned")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=NAME)
    check(any(b["Name"] == NAME for b in s3.list_buckets()["Buckets"]), "list buckets")
    component = f"components/{NAME}.yaml"
    s3.put_object(Bucket=NAME, Key=component, Body=(DOCUMENT % "uri").encode())
    return f"s3://{NAME}/{component}"


def s3_down():
    s3 = client("s3")
    keys = [{"Key": o["Key"]} for o in s3.list_objects_v2(Bucket=NAME)["Contents"]]
    s3.delete_objects(Bucket=NAME, Delete={"Objects": keys})
    listed = s3.list_objects_v2(Bucket=NAME, Delimiter="/")
    check("CommonPrefixes" not in listed and listed["KeyCount"] == 0, listed)
    s3.delete_bucket(Bucket=NAME)
    refused("NoSuchBucket", s3.delete_bucket, Bucket=NAME)


def network():
    ec2 = client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]
    check(vpc["CidrBlock"] == "10.77.0.0/16" and vpc["IsDefault"], vpc)
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["Subnets"]
    check(len(subnets) == 6 and all(s["DefaultForAz"] for s in subnets), subnets)
    pages = ec2.get_paginator("describe_subnets").paginate(PaginationConfig={"PageSize": 5})
    check([len(page["Subnets"]) for page in pages] == [5, 1], "pages")
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    check([z["ZoneName"][-1] for z in zones] == list("abcdef"), zones)
    refused("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=["subnet-0"])
    refused("InvalidParameterValue", ec2.describe_vpcs, Filters=[{"Name": "odd", "Values": ["x"]}])
    offered = ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["g5.12xlarge"]}]
    )["InstanceTypeOfferings"]
    check(sorted(o["Location"][-1] for o in offered) == list("abcdf"), offered)
    g5 = ec2.describe_instance_types(InstanceTypes=["g5.12xlarge"])["InstanceTypes"][0]
    check(g5["NetworkInfo"]["EfaInfo"]["MaximumEfaInterfaces"] == 1, g5)
    check("efa" in g5["NetworkInfo"]["NetworkCards"][0]["InterfaceTypes"], g5)
    check(g5["GpuInfo"]["Gpus"][0]["Count"] == 4 and g5["VCpuInfo"]["DefaultVCpus"] == 48, g5)
    refused("InvalidInstanceType", ec2.describe_instance_types, InstanceTypes=["z9.huge"])
    return vpc["VpcId"], next(s["SubnetId"] for s in subnets if s["AvailabilityZone"].endswith("b"))


def security_group(vpc):
    ec2 = client("ec2")
    made = ec2.create_security_group(
        GroupName=NAME, Description="judge", VpcId=vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": TAGS}],
    )
    group = made["GroupId"]
    refused("InvalidGroup.Duplicate", ec2.create_security_group, GroupName=NAME, Description="x", VpcId=vpc)
    own = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    for direction in ["ingress", "egress"]:
        authorize = getattr(ec2, f"authorize_security_group_{direction}")
        rules = authorize(GroupId=group, IpPermissions=own)["SecurityGroupRules"]
        check(rules[0]["ReferencedGroupInfo"]["GroupId"] == group, rules)
        refused("InvalidPermission.Duplicate", authorize, GroupId=group, IpPermissions=own)
    got = ec2.describe_security_groups(Filters=[{"Name": "tag:judge", "Values": [NAME]}])["SecurityGroups"]
    check(len(got) == 1 and got[0]["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == group, got)
    egress = got[0]["IpPermissionsEgress"]
    check(len(egress) == 1 and egress[0]["IpRanges"][0]["CidrIp"] == "0.0.0.0/0", egress)
    check(egress[0]["UserIdGroupPairs"][0]["GroupId"] == group, egress)
    ssh = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=ssh)
    check(len(ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]) == 4, "rules")
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=ssh)
    again = ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=ssh)
    check(again["UnknownIpPermissions"][0]["FromPort"] == 22, again)
    refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=["sg-0123456789abcdef0"])
    return group


def placement_group():
    ec2 = client("ec2")
    made = ec2.create_placement_group(
        GroupName=NAME, Strategy="cluster",
        TagSpecifications=[{"ResourceType": "placement-group", "Tags": TAGS}],
    )["PlacementGroup"]
    check(made["State"] == "pending", made)
    refused("InvalidPlacementGroup.Duplicate", ec2.create_placement_group, GroupName=NAME, Strategy="cluster")
    refused("InvalidPlacementGroup.Unknown", ec2.describe_placement_groups, GroupNames=[NAME + "x"])

    def available():
        found = ec2.describe_placement_groups(GroupNames=[NAME])["PlacementGroups"]
        return found[0]["State"] == "available"

    wait("placement group", available)


def launch(ami, subnet, group):
    ec2 = client("ec2")
    request = {
        "ImageId": ami, "InstanceType": "g5.12xlarge", "MinCount": 2, "MaxCount": 2,
        "ClientToken": NAME, "Placement": {"GroupName": NAME},
        "IamInstanceProfile": {"Name": NAME},
        "NetworkInterfaces": [{
            "DeviceIndex": 0, "NetworkCardIndex": 0, "InterfaceType": "efa", "SubnetId": subnet,
            "Groups": [group], "AssociatePublicIpAddress": True, "DeleteOnTermination": True,
        }],
        "MetadataOptions": {"HttpTokens": "required", "InstanceMetadataTags": "enabled", "HttpPutResponseHopLimit": 1},
        "UserData": "#cloud-config\n",
        "InstanceInitiatedShutdownBehavior": "terminate",
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": TAGS} for kind in ["instance", "volume", "network-interface"]
        ],
    }

    def without(**changes):
        changed = {**request, "ClientToken": NAME + uuid.uuid4().hex[:4], **changes}
        return {key: value for key, value in changed.items() if value is not None}

    run = ec2.run_instances
    refused("DryRunOperation", run, **without(DryRun=True))
    refused("InvalidAMIID.NotFound", run, **without(ImageId="ami-0123456789abcdef0"))
    refused("InvalidAMIID.Malformed", run, **without(ImageId="ami-x"))
    refused("InvalidParameterValue", run, **without(InstanceType="z9.huge"))
    refused("InvalidParameterCombination", run, **without(InstanceType="t3.micro"))
    refused("InvalidPlacementGroup.Unknown", run, **without(Placement={"GroupName": "none"}))
    error = refused("InvalidParameterValue", run, **without(IamInstanceProfile={"Name": "none"}))
    check("Invalid IAM Instance Profile name" in str(error), error)
    refused("InvalidParameterValue", run, **without(UserData="x" * 16385))
    nic = request["NetworkInterfaces"][0]
    two = [nic, {**nic, "DeviceIndex": 1, "InterfaceType": "interface"}]
    refused("InvalidParameterCombination", run, **without(NetworkInterfaces=two))
    refused("InvalidParameterCombination", run, **without(SubnetId=subnet))
    refused("InvalidSubnetID.NotFound", run, **without(NetworkInterfaces=[{**nic, "SubnetId": "subnet-0"}]))
    refused("InvalidGroup.NotFound", run, **without(NetworkInterfaces=[{**nic, "Groups": ["sg-0"]}]))
    check(not ec2.describe_instances(Filters=[{"Name": "tag:judge", "Values": [NAME]}])["Reservations"], "nothing half-made")

    made = run(**request)
    ids = [i["InstanceId"] for i in made["Instances"]]
    check([i["AmiLaunchIndex"] for i in made["Instances"]] == [0, 1], made)
    check(all(i["State"]["Name"] == "pending" for i in made["Instances"]), made)
    again = run(**request)
    check([i["InstanceId"] for i in again["Instances"]] == ids, "the same token launches nothing")
    refused("IdempotentParameterMismatch", run, **{**request, "MinCount": 1, "MaxCount": 1})
    for waiter in ["instance_running"]:
        ec2.get_waiter(waiter).wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 300})
    for name, values in {
        "tag:judge": [NAME], "tag-key": ["judge"], "client-token": [NAME], "reservation-id": [made["ReservationId"]],
        "placement-group-name": [NAME], "instance-id": ids, "private-ip-address": ["10.77.16.*"],
    }.items():
        filters = [{"Name": name, "Values": values}, {"Name": "instance-state-name", "Values": ["running"]}]
        reservations = ec2.describe_instances(Filters=filters + [{"Name": "image-id", "Values": [ami]}])["Reservations"]
        found = [i for r in reservations for i in r["Instances"]]
        check(set(ids) <= {i["InstanceId"] for i in found}, (name, found))
    node = ec2.describe_instances(InstanceIds=ids[:1])["Reservations"][0]["Instances"][0]
    check(node["Tags"] == TAGS and node["MetadataOptions"]["HttpTokens"] == "required", node)
    check(node["PublicIpAddress"] and node["Placement"]["AvailabilityZone"] == "us-east-1b", node)
    check(node["NetworkInterfaces"][0]["InterfaceType"] == "efa", node)
    check(node["IamInstanceProfile"]["Arn"].endswith(NAME), node)
    nics = ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": ids}])
    check(len(nics["NetworkInterfaces"]) == 2 and nics["NetworkInterfaces"][0]["TagSet"] == TAGS, nics)
    volumes = ec2.describe_volumes(Filters=[{"Name": "tag:judge", "Values": [NAME]}])["Volumes"]
    check(len(volumes) == 2, volumes)
    check(len(ec2.describe_instance_status(InstanceIds=ids)["InstanceStatuses"]) == 2, "status")
    check("Output" in ec2.get_console_output(InstanceId=ids[0]), "console")
    ec2.create_tags(Resources=ids, Tags=[{"Key": "more", "Value": "1"}])
    listed = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": ids}, {"Name": "key", "Values": ["more"]}])
    check(len(listed["Tags"]) == 2, listed)
    ec2.delete_tags(Resources=ids, Tags=[{"Key": "more"}])
    refused("InvalidInstanceID.NotFound", ec2.create_tags, Resources=["i-0123456789abcdef0"], Tags=TAGS)
    refused("UnsupportedOperation", ec2.stop_instances, InstanceIds=ids)
    refused("InvalidInstanceID.NotFound", ec2.terminate_instances, InstanceIds=[*ids, "i-0123456789abcdef0"])
    refused("InvalidInstanceID.Malformed", ec2.describe_instances, InstanceIds=["i-x"])
    refused("InvalidPlacementGroup.InUse", ec2.delete_placement_group, GroupName=NAME)
    refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
    return ids, request


def sessions(url, ids, account):
    """A node may tag only itself."""

    def session(instance):
        got = json.load(urllib.request.urlopen(url.replace("{id}", instance)))
        return {
            "aws_access_key_id": got["AccessKeyId"],
            "aws_secret_access_key": got["SecretAccessKey"],
            "aws_session_token": got["Token"],
        }

    keys = session(ids[0])
    check(session(ids[0]) == keys, "credentials stay the same")
    me = client("sts", **keys).get_caller_identity()
    check(me["Arn"] == f"arn:aws:sts::{account}:assumed-role/{NAME}/{ids[0]}", me)
    ec2 = client("ec2", **keys)
    tag = [{"Key": "nixl:state", "Value": "x"}]
    ec2.describe_instances()
    refused("DryRunOperation", ec2.create_tags, Resources=ids[:1], Tags=tag, DryRun=True)
    ec2.create_tags(Resources=ids[:1], Tags=tag)
    refused("UnauthorizedOperation", ec2.create_tags, Resources=ids[1:], Tags=tag)
    refused("UnauthorizedOperation", ec2.create_tags, Resources=ids, Tags=tag)
    refused("UnauthorizedOperation", ec2.create_tags, Resources=ids[:1], Tags=[{"Key": "Name", "Value": "x"}])
    refused("UnauthorizedOperation", ec2.terminate_instances, InstanceIds=ids[:1])
    refused("AccessDenied", client("iam", **keys).list_roles)
    refused("AccessDeniedException", client("sagemaker", **keys).list_mlflow_tracking_servers)
    refused("ForbiddenException", client("imagebuilder", **keys).list_images)
    refused("AccessDenied", client("s3", **keys).list_objects_v2, Bucket=NAME)
    without_token = {key: value for key, value in keys.items() if key != "aws_session_token"}
    refused("InvalidClientTokenId", client("sts", **without_token).get_caller_identity)
    refused("InvalidToken", client("s3", **without_token).list_buckets)


def launch_down(ids, group, request):
    ec2 = client("ec2")
    ended = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"]
    check(all(i["CurrentState"]["Name"] == "shutting-down" for i in ended), ended)
    refused("IdempotentInstanceTerminated", ec2.run_instances, **request)

    def gone():
        found = ec2.describe_instances(Filters=[{"Name": "tag:judge", "Values": [NAME]}])["Reservations"]
        return all(i["State"]["Name"] == "terminated" for r in found for i in r["Instances"])

    wait("terminated", gone)
    check(not ec2.describe_network_interfaces(Filters=[{"Name": "tag:judge", "Values": [NAME]}])["NetworkInterfaces"], "interfaces")
    check(not ec2.describe_volumes(Filters=[{"Name": "tag:judge", "Values": [NAME]}])["Volumes"], "volumes")
    ec2.delete_placement_group(GroupName=NAME)
    refused("InvalidPlacementGroup.Unknown", ec2.delete_placement_group, GroupName=NAME)
    ec2.delete_security_group(GroupId=group)
    refused("InvalidGroup.NotFound", ec2.delete_security_group, GroupId=group)
    wait("hidden", lambda: not ec2.describe_instances(Filters=[{"Name": "reservation-id", "Values": ["*"]}, {"Name": "tag:judge", "Values": [NAME]}])["Reservations"])


def image(uri):
    """Returns the AMI; its parent is the public Debian image."""
    builder, ec2 = client("imagebuilder"), client("ec2")
    made = []

    def token():
        return {"clientToken": uuid.uuid4().hex}

    def component(name, **source):
        return builder.create_component(name=name, semanticVersion="1.0.0", platform="Linux", tags={"judge": NAME}, **source, **token())["componentBuildVersionArn"]

    first = component(NAME, data=DOCUMENT % "inline")
    check(first.endswith("/1.0.0/1"), first)
    refused("ResourceAlreadyExistsException", component, name=NAME, data=DOCUMENT % "inline")
    check(component(NAME, data=DOCUMENT % "other").endswith("/1.0.0/2"), "next build")
    second = component(NAME + "-uri", uri=uri)
    refused("InvalidParameterValueException", component, name=NAME + "y", data="x" * 16001)
    refused("InvalidParameterValueException", component, name=NAME + "y", data="nonsense: true")
    refused("InvalidParameterCombinationException", component, name=NAME + "y", data="x", uri=uri)
    got = builder.get_component(componentBuildVersionArn=first)["component"]
    check(got["data"] == DOCUMENT % "inline" and got["type"] == "BUILD" and got["tags"] == {"judge": NAME}, got)
    listed = builder.list_components(owner="Self", filters=[{"name": "name", "values": [NAME]}])["componentVersionList"]
    check(len(listed) == 1 and listed[0]["version"] == "1.0.0", listed)
    check(len(builder.list_component_build_versions(componentVersionArn=first.rsplit("/", 1)[0])["componentSummaryList"]) == 2, "builds")

    recipe_request = {
        "name": NAME, "semanticVersion": "1.0.0", "parentImage": "ssm:/aws/service/debian/release/12/latest/amd64",
        "components": [{"componentArn": first}, {"componentArn": second}], "amiTags": {"nixl:digest": "abc"}, **token(),
    }
    recipe = builder.create_image_recipe(**recipe_request)["imageRecipeArn"]
    check(builder.create_image_recipe(**recipe_request)["imageRecipeArn"] == recipe, "same token")
    refused("IdempotentParameterMismatchException", builder.create_image_recipe, **{**recipe_request, "description": "other"})
    refused("ResourceAlreadyExistsException", builder.create_image_recipe, **{**recipe_request, **token()})
    refused("ResourceDependencyException", builder.delete_component, componentBuildVersionArn=first)
    check(builder.get_image_recipe(imageRecipeArn=recipe)["imageRecipe"]["amiTags"] == {"nixl:digest": "abc"}, "recipe")
    check(builder.list_image_recipes()["imageRecipeSummaryList"], "recipes")
    refused("InvalidParameterValueException", builder.create_infrastructure_configuration, name=NAME, instanceProfileName="none", **token())
    refused("DryRunOperationException", builder.create_infrastructure_configuration, name=NAME, instanceProfileName=NAME, dryRun=True, **token())
    infrastructure = builder.create_infrastructure_configuration(
        name=NAME, instanceProfileName=NAME, instanceTypes=["t3.micro"], tags={"judge": NAME}, **token()
    )["infrastructureConfigurationArn"]
    got = builder.get_infrastructure_configuration(infrastructureConfigurationArn=infrastructure)
    check(got["infrastructureConfiguration"]["instanceProfileName"] == NAME, got)
    check(builder.list_infrastructure_configurations()["infrastructureConfigurationSummaryList"], "infrastructures")

    def distribution(ami_name):
        return [{"region": "us-east-1", "amiDistributionConfiguration": {"name": ami_name, "amiTags": {"judge": NAME}}}]

    refused("InvalidParameterValueException", builder.create_distribution_configuration, name=NAME, distributions=distribution("plain"), **token())
    distributing = builder.create_distribution_configuration(
        name=NAME, distributions=distribution(NAME + " {{ imagebuilder:buildDate }}"), **token()
    )["distributionConfigurationArn"]
    got = builder.get_distribution_configuration(distributionConfigurationArn=distributing)["distributionConfiguration"]
    check(got["distributions"][0]["region"] == "us-east-1", got)
    check(builder.list_distribution_configurations()["distributionConfigurationSummaryList"][0]["regions"] == ["us-east-1"], "distributions")

    request = {
        "imageRecipeArn": recipe, "infrastructureConfigurationArn": infrastructure,
        "distributionConfigurationArn": distributing, "tags": {"judge": NAME}, **token(),
    }
    build = builder.create_image(**request)["imageBuildVersionArn"]
    check(builder.create_image(**request)["imageBuildVersionArn"] == build, "same token, same image")

    def done(arn):
        def probe():
            found = builder.get_image(imageBuildVersionArn=arn)["image"]
            return found if found["state"]["status"] in ("AVAILABLE", "FAILED", "CANCELLED") else None

        return wait("image", probe)

    got = done(build)
    check(got["state"]["status"] == "AVAILABLE", got["state"])
    ami = got["outputResources"]["amis"][0]["image"]
    tags = {t["Key"]: t["Value"] for t in ec2.describe_images(ImageIds=[ami])["Images"][0]["Tags"]}
    check(tags["nixl:digest"] == "abc" and tags["judge"] == NAME and tags["CreatedBy"] == "EC2 Image Builder", tags)
    found = ec2.describe_images(Owners=["self"], Filters=[{"Name": "tag:nixl:digest", "Values": ["abc"]}, {"Name": "name", "Values": [NAME + " *"]}, {"Name": "state", "Values": ["available"]}])["Images"]
    check([i["ImageId"] for i in found] == [ami], found)
    work = builder.list_workflow_executions(imageBuildVersionArn=build)["workflowExecutions"][0]
    check(work["status"] == "COMPLETED" and work["totalStepsSucceeded"] == work["totalStepCount"] == 2, work)
    steps = builder.list_workflow_step_executions(workflowExecutionId=work["workflowExecutionId"])["steps"]
    check(len(steps) == 2, steps)
    check(builder.list_image_build_versions(imageVersionArn=build.rsplit("/", 1)[0])["imageSummaryList"][0]["state"]["status"] == "AVAILABLE", "build versions")
    check(any(i["name"] == NAME for i in builder.list_images(owner="Self")["imageVersionList"]), "images")
    builder.tag_resource(resourceArn=build, tags={"k": "v"})
    check(builder.list_tags_for_resource(resourceArn=build)["tags"] == {"judge": NAME, "k": "v"}, "tags")
    builder.untag_resource(resourceArn=build, tagKeys=["k"])

    failing = component(NAME + "-fails", data=DOCUMENT % "exit; exit 1")
    bad = builder.create_image_recipe(name=NAME, semanticVersion="1.0.x", parentImage=ami, components=[{"componentArn": failing}], **token())["imageRecipeArn"]
    check(bad.endswith("/1.0.1"), bad)
    failed = builder.create_image(imageRecipeArn=bad, infrastructureConfigurationArn=infrastructure, **token())["imageBuildVersionArn"]
    got = done(failed)["state"]
    check(got["status"] == "FAILED" and got["failureContext"]["componentFailure"]["componentArn"] == failing, got)
    stopped = builder.create_image(imageRecipeArn=recipe, infrastructureConfigurationArn=infrastructure, **token())["imageBuildVersionArn"]
    check(stopped.endswith("/1.0.0/2"), stopped)
    builder.cancel_image_creation(imageBuildVersionArn=stopped, **token())
    check(done(stopped)["state"]["status"] == "CANCELLED", "cancelled")
    refused("InvalidRequestException", builder.cancel_image_creation, imageBuildVersionArn=stopped, **token())

    for arn in [build, failed, stopped]:
        builder.delete_image(imageBuildVersionArn=arn)
    for arn in [recipe, bad]:
        builder.delete_image_recipe(imageRecipeArn=arn)
    refused("ResourceNotFoundException", builder.get_image_recipe, imageRecipeArn=recipe)
    builder.delete_infrastructure_configuration(infrastructureConfigurationArn=infrastructure)
    builder.delete_distribution_configuration(distributionConfigurationArn=distributing)
    for arn in [first, first[:-1] + "2", second, failing]:
        builder.delete_component(componentBuildVersionArn=arn)
    return ami


def image_down(ami, debian):
    ec2 = client("ec2")
    refused("AuthFailure", ec2.deregister_image, ImageId=debian)
    ec2.deregister_image(ImageId=ami)
    refused("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=[ami])


def tracking(role):
    sagemaker, iam = client("sagemaker"), client("iam")
    request = {"TrackingServerName": NAME, "ArtifactStoreUri": f"s3://{NAME}/mlflow", "RoleArn": role["Arn"], "Tags": TAGS}
    refused("ValidationException", sagemaker.create_mlflow_tracking_server, **request)
    trust = json.loads(json.dumps(TRUST).replace("ec2.amazonaws", "sagemaker.amazonaws"))
    iam.update_assume_role_policy(RoleName=NAME, PolicyDocument=json.dumps(trust))
    refused("ValidationException", sagemaker.create_mlflow_tracking_server, **{**request, "ArtifactStoreUri": "s3://none-here/x"})
    refused("ValidationException", sagemaker.create_mlflow_tracking_server, **{**request, "TrackingServerSize": "Huge"})
    refused("ResourceNotFound", sagemaker.describe_mlflow_tracking_server, TrackingServerName=NAME)
    arn = sagemaker.create_mlflow_tracking_server(**request)["TrackingServerArn"]
    check(arn.endswith(f":mlflow-tracking-server/{NAME}"), arn)
    refused("ConflictException", sagemaker.create_mlflow_tracking_server, **request)

    def describe():
        return sagemaker.describe_mlflow_tracking_server(TrackingServerName=NAME)

    check(describe()["TrackingServerStatus"] == "Creating" and describe()["IsActive"] == "Inactive", "creating")
    refused("ValidationException", sagemaker.create_presigned_mlflow_tracking_server_url, TrackingServerName=NAME)
    refused("ValidationException", sagemaker.delete_mlflow_tracking_server, TrackingServerName=NAME)
    wait("tracking server", lambda: describe()["IsActive"] == "Active")
    got = describe()
    check(got["TrackingServerStatus"] == "Created" and "/_mlflow/t-" in got["TrackingServerUrl"], got)
    listed = sagemaker.list_mlflow_tracking_servers()["TrackingServerSummaries"]
    check(any(s["TrackingServerName"] == NAME for s in listed), listed)
    check(sagemaker.list_tags(ResourceArn=arn)["Tags"] == TAGS, "tags")
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    check(len(sagemaker.list_tags(ResourceArn=arn)["Tags"]) == 2, "two tags")
    mint = sagemaker.create_presigned_mlflow_tracking_server_url
    for wrong in [{"ExpiresInSeconds": 4}, {"ExpiresInSeconds": 301}, {"SessionExpirationDurationInSeconds": 1799}]:
        try:
            mint(TrackingServerName=NAME, **wrong)
            raise AssertionError(f"{wrong} was accepted")
        except (botocore.exceptions.ClientError, botocore.exceptions.ParamValidationError):
            pass
    url = mint(TrackingServerName=NAME, ExpiresInSeconds=60, SessionExpirationDurationInSeconds=1800)["AuthorizedUrl"]
    check(url.startswith(got["TrackingServerUrl"] + "/auth?authToken="), "presigned URL")
    check(url != mint(TrackingServerName=NAME)["AuthorizedUrl"], "every URL is its own")
    sagemaker.delete_mlflow_tracking_server(TrackingServerName=NAME)

    def gone():
        try:
            describe()
        except sagemaker.exceptions.ResourceNotFound:
            return True
        return False

    wait("deleted", gone)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--credentials", help="URL with {id} that answers an instance's credentials")
    options = parser.parse_args()
    signatures()
    account = identity()
    role = iam_roles()
    debian = parameters()
    uri = s3()
    vpc, subnet = network()
    group = security_group(vpc)
    placement_group()
    ami = image(uri)
    ids, request = launch(ami, subnet, group)
    if options.credentials:
        sessions(options.credentials, ids, account)
    else:
        print("role sessions: not checked, no --credentials")
    launch_down(ids, group, request)
    image_down(ami, debian)
    tracking(role)
    iam_down()
    s3_down()
    print(f"{checks} checks passed")


if __name__ == "__main__":
    sys.exit(main())
