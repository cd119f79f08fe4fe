"""What is in an account, by boto3 and not by ours: one line a resource, of every kind that a launch may make."""

import json

import boto3
import botocore.session

# Service models are read once and then shared by every client of this process and its children.
LOADER = botocore.session.get_session().get_component("data_loader")

# The auditor of this process, once there is one.
KEPT = []
# What every account has.
GIVEN = {("security group", "default")}



class Auditor:
    """Clients of boto3 for one endpoint after another region there: only the keys differ."""

    def __init__(self, environment):
        core = botocore.session.get_session()
        core.register_component("data_loader", LOADER)
        self.endpoint = environment["AWS_ENDPOINT_URL"]
        core.set_credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
        self.keys = core.get_credentials()
        session = boto3.Session(botocore_session=core, region_name=environment["AWS_REGION"])
        services = ("ec2", "iam", "s3", "sagemaker", "ssm", "scheduler")
        self.clients = {service: session.client(service, endpoint_url=self.endpoint) for service in services}

    def audit(self, environment):
        """Kind and name of all that is there, sorted."""
        self.keys.access_key = environment["AWS_ACCESS_KEY_ID"]
        self.keys.secret_key = environment["AWS_SECRET_ACCESS_KEY"]
        client = self.clients.get
        nodes = {name for kind, name in of_ec2(client("ec2")) if kind == "instance"}
        found = [*of_ec2(client("ec2")), *of_iam(client("iam")), *of_others(client)]
        found += of_scheduler(client("scheduler"), nodes)
        return sorted(one for one in found if one not in GIVEN)


def audit(environment):
    """What is there now. Making clients costs more than asking, so they are kept while the endpoint is the same."""
    if not KEPT or KEPT[0].endpoint != environment["AWS_ENDPOINT_URL"]:
        KEPT[:] = [Auditor(environment)]
    return KEPT[0].audit(environment)


def pages(client, operation, member, **arguments):
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[member]


def of_ec2(ec2):
    live = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped", "shutting-down"]}]
    for reservation in pages(ec2, "describe_instances", "Reservations", Filters=live):
        for instance in reservation["Instances"]:
            yield "instance", instance["InstanceId"]
    for interface in pages(ec2, "describe_network_interfaces", "NetworkInterfaces"):
        yield "network interface", interface["NetworkInterfaceId"]
    for volume in pages(ec2, "describe_volumes", "Volumes"):
        yield "volume", volume["VolumeId"]
    for group in pages(ec2, "describe_security_groups", "SecurityGroups"):
        yield "security group", group["GroupName"]
    for group in ec2.describe_placement_groups()["PlacementGroups"]:
        yield "placement group", group["GroupName"]
    for address in ec2.describe_addresses()["Addresses"]:
        yield "address", address["AllocationId"]
    for reservation in pages(ec2, "describe_capacity_reservations", "CapacityReservations"):
        if reservation["State"] in ("active", "pending", "scheduled"):
            yield "capacity reservation", reservation["CapacityReservationId"]
    for request in pages(ec2, "describe_spot_instance_requests", "SpotInstanceRequests"):
        if request["State"] in ("open", "active"):
            yield "spot request", request["SpotInstanceRequestId"]


def of_iam(iam):
    for role in pages(iam, "list_roles", "Roles"):
        if not role["Path"].startswith("/aws-service-role/"):
            yield "role", role["RoleName"]
    for profile in pages(iam, "list_instance_profiles", "InstanceProfiles"):
        yield "instance profile", profile["InstanceProfileName"]


def of_others(client):
    for bucket in client("s3").list_buckets()["Buckets"]:
        yield "bucket", bucket["Name"]
    for server in pages(client("sagemaker"), "list_mlflow_tracking_servers", "TrackingServerSummaries"):
        yield "tracking server", server["TrackingServerName"]
    for parameter in pages(client("ssm"), "describe_parameters", "Parameters"):
        yield "parameter", parameter["Name"]


def of_scheduler(scheduler, nodes):
    for schedule in pages(scheduler, "list_schedules", "Schedules"):
        whole = scheduler.get_schedule(GroupName=schedule["GroupName"], Name=schedule["Name"])
        ends = json.loads(whole["Target"]["Input"])["InstanceIds"]
        yield f"schedule of {'a node' if nodes.issuperset(ends) else 'what is gone'}", schedule["Name"]
    for group in pages(scheduler, "list_schedule_groups", "ScheduleGroups"):
        if group["Name"] != "default":
            yield "schedule group", group["Name"]


def counted(found):
    """How many there are of each kind."""
    kinds = [kind for kind, _ in found]
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


if __name__ == "__main__":
    import os

    print(json.dumps(audit(os.environ), indent=2))
