"""Makes and removes two named nodes, a tracking server and its bucket, by boto3."""

import contextlib
import json
import time

import boto3
import botocore.config

CONFIG = botocore.config.Config(
    region_name="us-east-1", retries={"mode": "standard", "total_max_attempts": 8}, s3={"addressing_style": "path"}
)
# The article's own names for what a person looks at.
NODES = ["nixl-node1", "nixl-node2"]
SERVER = "nixl-efa-mlflow"
INSTANCE_TYPE = "g5.12xlarge"
NODE_ROLE, SERVER_ROLE, GROUP = "article-node", "article-mlflow", "article-fabric"
SSM_POLICY = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


def client(service):
    """A client that is patient with throttling."""
    return boto3.client(service, config=CONFIG)


def _role(iam, name, service):
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    }
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]


def _until(probe, seconds=180):
    end = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > end:
            raise AssertionError(f"{probe.__name__}: not within {seconds} s")
        time.sleep(0.3)


def _launch(ec2, profile):
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName=GROUP, Description="EFA traffic", VpcId=vpc)["GroupId"]
    own = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=own)
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=own)
    ec2.create_placement_group(GroupName=GROUP, Strategy="cluster")

    def available():
        return ec2.describe_placement_groups(GroupNames=[GROUP])["PlacementGroups"][0]["State"] == "available"

    _until(available)
    image = client("ssm").get_parameter(Name="/aws/service/debian/release/12/latest/amd64")["Parameter"]["Value"]
    subnet = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1b"]}])["Subnets"][0]
    ids = []
    for name in NODES:
        made = ec2.run_instances(
            ImageId=image, InstanceType=INSTANCE_TYPE, MinCount=1, MaxCount=1, ClientToken=name,
            Placement={"GroupName": GROUP}, IamInstanceProfile={"Name": profile},
            NetworkInterfaces=[{
                "DeviceIndex": 0, "NetworkCardIndex": 0, "InterfaceType": "efa", "SubnetId": subnet["SubnetId"],
                "Groups": [group], "AssociatePublicIpAddress": True, "DeleteOnTermination": True,
            }],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
        )
        ids.append(made["Instances"][0]["InstanceId"])
    waiter = ec2.get_waiter("instance_running")
    waiter.wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 300})
    return ids


@contextlib.contextmanager
def launched(bucket):
    """The instance ids of a pair that runs, with a tracking server that is active."""
    iam, ec2, s3, sagemaker = client("iam"), client("ec2"), client("s3"), client("sagemaker")
    undo = contextlib.ExitStack()
    with undo:
        _role(iam, NODE_ROLE, "ec2.amazonaws.com")
        undo.callback(iam.delete_role, RoleName=NODE_ROLE)
        iam.attach_role_policy(RoleName=NODE_ROLE, PolicyArn=SSM_POLICY)
        undo.callback(iam.detach_role_policy, RoleName=NODE_ROLE, PolicyArn=SSM_POLICY)
        iam.create_instance_profile(InstanceProfileName=NODE_ROLE)
        undo.callback(iam.delete_instance_profile, InstanceProfileName=NODE_ROLE)
        profile = {"InstanceProfileName": NODE_ROLE, "RoleName": NODE_ROLE}
        iam.add_role_to_instance_profile(**profile)
        undo.callback(iam.remove_role_from_instance_profile, **profile)
        role = _role(iam, SERVER_ROLE, "sagemaker.amazonaws.com")
        undo.callback(iam.delete_role, RoleName=SERVER_ROLE)
        s3.create_bucket(Bucket=bucket)
        sagemaker.create_mlflow_tracking_server(
            TrackingServerName=SERVER, ArtifactStoreUri=f"s3://{bucket}/mlflow", RoleArn=role
        )
        undo.callback(_delete_server, sagemaker)
        undo.callback(_delete_groups, ec2)
        ids = _launch(ec2, NODE_ROLE)
        undo.callback(_terminate, ec2, ids)

        def active():
            return sagemaker.describe_mlflow_tracking_server(TrackingServerName=SERVER)["IsActive"] == "Active"

        _until(active)
        yield ids


def _delete_groups(ec2):
    ec2.delete_placement_group(GroupName=GROUP)
    groups = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [GROUP]}])["SecurityGroups"]
    ec2.delete_security_group(GroupId=groups[0]["GroupId"])


def _terminate(ec2, ids):
    ec2.terminate_instances(InstanceIds=ids)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 120})


def _delete_server(sagemaker):
    sagemaker.delete_mlflow_tracking_server(TrackingServerName=SERVER)

    def gone():
        listed = sagemaker.list_mlflow_tracking_servers()["TrackingServerSummaries"]
        return all(server["TrackingServerName"] != SERVER for server in listed)

    _until(gone)
