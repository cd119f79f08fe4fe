"""A pair of nodes with boto3, as a careful engineer writes it without a tool: the peer of ours in
`./test crash` and `./bench launch`.

usage: boto3_pair.py up|down [cluster]

Everything has a tag from its creation on, is looked for before it is made, and is waited for; `down` finds it all by
tags and names. No state is kept on this computer. What it does not do is what such scripts leave out: its launches
have no client token of their own, and what AWS does not show yet is taken for absent.
"""

import json
import sys
import time

import boto3
import botocore.session
from botocore.exceptions import ClientError

SIZE = 2
INSTANCE_TYPE = "g6.12xlarge"
PATIENCE_SECS = 60
POLL_SECS = 0.5
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"},
        {"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "arn:aws:ec2:*:*:instance/*"},
    ],
}
NO_ROOM = ("InsufficientInstanceCapacity", "Unsupported")
LIVE = ("pending", "running", "stopping", "stopped", "shutting-down")
USER_DATA = """#cloud-config
write_files:
  - path: /etc/nixl/node.toml
    content: |
      cluster = "{cluster}"
      size = {size}
      provider = "efa"
"""


def code(error):
    return error.response["Error"]["Code"]


def unless(codes, call, **arguments):
    """The answer, or None if it is an error that means that there is nothing to do."""
    try:
        return call(**arguments)
    except ClientError as error:
        if code(error) not in codes:
            raise
        return None


def patiently(codes, call, **arguments):
    """Repeats a call while it is refused for something that passes."""
    end = time.monotonic() + PATIENCE_SECS
    while True:
        try:
            return call(**arguments)
        except ClientError as error:
            if code(error) not in codes or time.monotonic() > end:
                raise
            time.sleep(POLL_SECS)


class Pair:
    def __init__(self, cluster, loader=None):
        self.cluster = cluster
        core = botocore.session.get_session()
        if loader:
            core.register_component("data_loader", loader)
        session = boto3.Session(botocore_session=core)
        self.ec2, self.iam = session.client("ec2"), session.client("iam")
        self.tags = [{"Key": "cluster", "Value": cluster}]
        self.ours = [{"Name": "tag:cluster", "Values": [cluster]}]

    def tagged(self, kind):
        return [{"ResourceType": kind, "Tags": self.tags}]

    def nodes(self):
        pages = self.ec2.get_paginator("describe_instances").paginate(Filters=self.ours)
        found = [i for page in pages for r in page["Reservations"] for i in r["Instances"]]
        return [instance for instance in found if instance["State"]["Name"] in LIVE]

    def role(self):
        name = self.cluster
        exists = ["EntityAlreadyExists"]
        unless(exists, self.iam.create_role, RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), Tags=self.tags)
        self.iam.put_role_policy(RoleName=name, PolicyName="node", PolicyDocument=json.dumps(POLICY))
        unless(exists, self.iam.create_instance_profile, InstanceProfileName=name, Tags=self.tags)
        profile = self.iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        if not profile["Roles"]:
            unless(["LimitExceeded"], self.iam.add_role_to_instance_profile, InstanceProfileName=name, RoleName=name)

    def security_group(self, vpc):
        named = [{"Name": "group-name", "Values": [self.cluster]}, {"Name": "vpc-id", "Values": [vpc]}]
        found = self.ec2.describe_security_groups(Filters=named)["SecurityGroups"]
        if found:
            group = found[0]["GroupId"]
        else:
            group = self.ec2.create_security_group(
                GroupName=self.cluster,
                Description="pair",
                VpcId=vpc,
                TagSpecifications=self.tagged("security-group"),
            )["GroupId"]
        rule = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
        for authorize in (self.ec2.authorize_security_group_ingress, self.ec2.authorize_security_group_egress):
            passes = ["InvalidGroup.NotFound"]
            done = ["InvalidPermission.Duplicate"]
            unless(done, lambda: patiently(passes, authorize, GroupId=group, IpPermissions=rule))
        return group

    def placement_group(self, zone):
        name = f"{self.cluster}-{zone}"
        make = self.ec2.create_placement_group
        exists = ["InvalidPlacementGroup.Duplicate"]
        unless(exists, make, GroupName=name, Strategy="cluster", TagSpecifications=self.tagged("placement-group"))
        while self.ec2.describe_placement_groups(GroupNames=[name])["PlacementGroups"][0]["State"] != "available":
            time.sleep(POLL_SECS)
        return name

    def launch(self, image, subnet, group):
        interface = {
            "DeviceIndex": 0,
            "InterfaceType": "efa",
            "SubnetId": subnet["SubnetId"],
            "Groups": [group],
            "AssociatePublicIpAddress": True,
            "DeleteOnTermination": True,
        }
        kinds = ("instance", "volume", "network-interface")
        passes = ["InvalidParameterValue", "InvalidPlacementGroup.Unknown", "InvalidGroup.NotFound"]
        return patiently(
            passes,
            self.ec2.run_instances,
            ImageId=image,
            InstanceType=INSTANCE_TYPE,
            MinCount=SIZE,
            MaxCount=SIZE,
            NetworkInterfaces=[interface],
            Placement={"GroupName": self.placement_group(subnet["AvailabilityZone"])},
            IamInstanceProfile={"Name": self.cluster},
            UserData=USER_DATA.format(cluster=self.cluster, size=SIZE),
            TagSpecifications=[spec for kind in kinds for spec in self.tagged(kind)],
        )["Instances"]

    def up(self):
        images = self.ec2.describe_images(Owners=["self"])["Images"]
        image = max(images, key=lambda image: image["CreationDate"])["ImageId"]
        nodes = self.nodes()
        if not nodes:
            vpc = self.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
            offered = self.ec2.describe_instance_type_offerings(
                LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [INSTANCE_TYPE]}]
            )["InstanceTypeOfferings"]
            zones = {offering["Location"] for offering in offered}
            subnets = self.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
            subnets.sort(key=lambda subnet: subnet["AvailabilityZone"])
            self.role()
            group = self.security_group(vpc)
            for subnet in subnets:
                if subnet["AvailabilityZone"] not in zones:
                    continue
                try:
                    nodes = self.launch(image, subnet, group)
                    break
                except ClientError as error:
                    if code(error) not in NO_ROOM:
                        raise
                    self.ec2.delete_placement_group(GroupName=f"{self.cluster}-{subnet['AvailabilityZone']}")
            else:
                sys.exit("no zone has room")
        if len(nodes) != SIZE:
            sys.exit(f"{len(nodes)} nodes are there, not {SIZE}")
        ids = [node["InstanceId"] for node in nodes]
        self.ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig={"Delay": 1})
        while not all("1:paired:" in (tags(node).get("nixl:state") or "") for node in self.nodes()):
            time.sleep(POLL_SECS)

    def down(self):
        ids = [node["InstanceId"] for node in self.nodes()]
        if ids:
            self.ec2.terminate_instances(InstanceIds=ids)
            self.ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig={"Delay": 1})
        for group in self.ec2.describe_placement_groups(Filters=self.ours)["PlacementGroups"]:
            gone = ["InvalidPlacementGroup.Unknown"]
            name, in_use = group["GroupName"], ["InvalidPlacementGroup.InUse"]
            unless(gone, lambda: patiently(in_use, self.ec2.delete_placement_group, GroupName=name))
        for group in self.ec2.describe_security_groups(Filters=self.ours)["SecurityGroups"]:
            gone, in_use = ["InvalidGroup.NotFound"], ["DependencyViolation"]
            unless(gone, lambda: patiently(in_use, self.ec2.delete_security_group, GroupId=group["GroupId"]))
        name, gone = self.cluster, ["NoSuchEntity"]
        unless(gone, self.iam.remove_role_from_instance_profile, InstanceProfileName=name, RoleName=name)
        unless(gone, self.iam.delete_instance_profile, InstanceProfileName=name)
        unless(gone, self.iam.delete_role_policy, RoleName=name, PolicyName="node")
        unless(gone, self.iam.delete_role, RoleName=name)


def tags(resource):
    return {tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])}


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[1] not in ("up", "down"):
        sys.exit("usage: boto3_pair.py up|down [cluster]")
    getattr(Pair(sys.argv[2] if len(sys.argv) == 3 else "pair"), sys.argv[1])()
