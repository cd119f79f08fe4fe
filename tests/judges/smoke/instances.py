"""A launch, from refused ones to a terminated one, and what its role may do."""

import json
import urllib.request
import uuid

from .base import NAME, TAGS, check, client, refused, wait


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
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 300})
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
    stop_and_start(ids)
    refused("InvalidInstanceID.NotFound", ec2.terminate_instances, InstanceIds=[*ids, "i-0123456789abcdef0"])
    refused("InvalidInstanceID.Malformed", ec2.describe_instances, InstanceIds=["i-x"])
    refused("InvalidPlacementGroup.InUse", ec2.delete_placement_group, GroupName=NAME)
    refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
    return ids, request


def stop_and_start(ids):
    ec2 = client("ec2")
    stopping = ec2.stop_instances(InstanceIds=ids)["StoppingInstances"]
    check(all(i["CurrentState"]["Name"] == "stopping" for i in stopping), stopping)
    refused("IncorrectInstanceState", ec2.start_instances, InstanceIds=ids)
    ec2.get_waiter("instance_stopped").wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 300})
    starting = ec2.start_instances(InstanceIds=ids)["StartingInstances"]
    check(all(i["CurrentState"]["Name"] == "pending" for i in starting), starting)
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 300})


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


def down(ids, group, request):
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
