"""What is in an account, by boto3 and not by ours: one line a resource, of every kind that a launch or a bake may make."""

import json

import boto3
import botocore.session

# Service models are read once and then shared by every client of this process and its children.
LOADER = botocore.session.get_session().get_component("data_loader")

# The auditor of this process, once there is one.
KEPT = []
# What every account has, and a region without machines.
PRETEND = "nixl-pretend-image"
GIVEN = {("security group", "default"), ("image available", PRETEND), ("tag nixl:digest of an image", PRETEND)}

# Where copies of images may be.
ELSEWHERE = ("eu-west-1", "us-west-2")


class Auditor:
    """Clients of boto3 for one endpoint after another region there: only the keys differ."""

    def __init__(self, environment):
        core = botocore.session.get_session()
        core.register_component("data_loader", LOADER)
        self.endpoint = environment["AWS_ENDPOINT_URL"]
        core.set_credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
        self.keys = core.get_credentials()
        session = boto3.Session(botocore_session=core, region_name=environment["AWS_REGION"])
        services = ("ec2", "iam", "s3", "sagemaker", "ssm", "scheduler", "imagebuilder")
        self.clients = {service: session.client(service, endpoint_url=self.endpoint) for service in services}
        self.elsewhere = {
            region: [session.client(service, region, endpoint_url=self.endpoint) for service in ("ec2", "ssm")]
            for region in ELSEWHERE
        }

    def audit(self, environment):
        """Kind and name of all that is there, sorted."""
        self.keys.access_key = environment["AWS_ACCESS_KEY_ID"]
        self.keys.secret_key = environment["AWS_SECRET_ACCESS_KEY"]
        client = self.clients.get
        ec2 = list(of_ec2(client("ec2")))
        nodes = {name for kind, name in ec2 if kind == "instance"}
        found = [*ec2, *of_iam(client("iam")), *of_s3(client("s3")), *of_others(client)]
        found += [*of_scheduler(client("scheduler"), nodes), *of_imagebuilder(client("imagebuilder"))]
        for region, (ec2, ssm) in self.elsewhere.items():
            there = [*of_images(ec2), *of_parameters(ssm)]
            found += [(f"{kind} in {region}", name) for kind, name in there]
        return sorted(one for one in found if one not in GIVEN)


def audit(environment):
    """What is there now. Making clients costs more than asking, so they are kept while the endpoint is the same."""
    if not KEPT or KEPT[0].endpoint != environment["AWS_ENDPOINT_URL"]:
        KEPT[:] = [Auditor(environment)]
    return KEPT[0].audit(environment)


def pages(client, operation, member, **arguments):
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page.get(member, [])


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
    yield from of_images(ec2)


def of_images(ec2):
    # What is there from the start has a snapshot, too.
    given = set()
    for image in pages(ec2, "describe_images", "Images", Owners=["self"]):
        kind, name = f"image {image['State']}", image["Name"]
        yield kind, name
        if (kind, name) in GIVEN:
            given |= {device["Ebs"]["SnapshotId"] for device in image["BlockDeviceMappings"]}
        if "ImdsSupport" in image:
            yield f"image with IMDS {image['ImdsSupport']}", name
        if "DeprecationTime" in image:
            yield "image with an end", name
        asked = {"ImageId": image["ImageId"], "Attribute": "launchPermission"}
        for permission in ec2.describe_image_attribute(**asked)["LaunchPermissions"]:
            yield "permission of an image", f"{name}: {permission}"
        for tag in image.get("Tags", []):
            yield f"tag {tag['Key']} of an image", name
    for snapshot in pages(ec2, "describe_snapshots", "Snapshots", OwnerIds=["self"]):
        if snapshot["SnapshotId"] not in given:
            yield "snapshot", snapshot["SnapshotId"]


def of_iam(iam):
    for role in pages(iam, "list_roles", "Roles"):
        if not role["Path"].startswith("/aws-service-role/"):
            name = role["RoleName"]
            yield "role", name
            for policy in pages(iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name):
                yield "policy of a role", f"{name}: {policy['PolicyName']}"
            for policy in pages(iam, "list_role_policies", "PolicyNames", RoleName=name):
                yield "policy in a role", f"{name}: {policy}"
    for profile in pages(iam, "list_instance_profiles", "InstanceProfiles"):
        yield f"instance profile with {len(profile['Roles'])} role", profile["InstanceProfileName"]


def of_s3(s3):
    for bucket in s3.list_buckets()["Buckets"]:
        name = bucket["Name"]
        yield "bucket", name
        try:
            for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]:
                yield "tag of a bucket", f"{name}: {tag['Key']}"
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchTagSet":
                raise
        try:
            s3.get_bucket_policy(Bucket=name)
            yield "policy of a bucket", name
            for rule in s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]:
                by_default = rule["ApplyServerSideEncryptionByDefault"]
                yield "encryption of a bucket", f"{name}: {by_default.get('KMSMasterKeyID', by_default['SSEAlgorithm'])}"
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
                raise
        for one in pages(s3, "list_objects_v2", "Contents", Bucket=name):
            yield "object", one["Key"]


def of_imagebuilder(builder):
    for component in pages(builder, "list_components", "componentVersionList", owner="Self"):
        for build in pages(
            builder, "list_component_build_versions", "componentSummaryList", componentVersionArn=component["arn"]
        ):
            yield "component", build["arn"].partition(":component/")[2]
    for recipe in pages(builder, "list_image_recipes", "imageRecipeSummaryList", owner="Self"):
        yield "image recipe", recipe["arn"].partition(":image-recipe/")[2]
    for one in pages(builder, "list_infrastructure_configurations", "infrastructureConfigurationSummaryList"):
        yield "infrastructure configuration", one["name"]
    for workflow in pages(builder, "list_workflows", "workflowVersionList", owner="Self"):
        for build in pages(
            builder, "list_workflow_build_versions", "workflowSummaryList", workflowVersionArn=workflow["arn"]
        ):
            yield "workflow", build["arn"].partition(":workflow/")[2]
    for one in pages(builder, "list_distribution_configurations", "distributionConfigurationSummaryList"):
        yield "distribution configuration", one["name"]
    for image in pages(builder, "list_images", "imageVersionList", owner="Self"):
        for build in pages(builder, "list_image_build_versions", "imageSummaryList", imageVersionArn=image["arn"]):
            yield f"build {build['state']['status']}", build["arn"].partition(":image/")[2]


def of_others(client):
    for server in pages(client("sagemaker"), "list_mlflow_tracking_servers", "TrackingServerSummaries"):
        yield "tracking server", server["TrackingServerName"]
    for app in pages(client("sagemaker"), "list_mlflow_apps", "Summaries"):
        yield "MLflow App", app["Name"]
    yield from of_parameters(client("ssm"))


def of_parameters(ssm):
    for parameter in pages(ssm, "describe_parameters", "Parameters"):
        name = parameter["Name"]
        yield "parameter", name
        for tag in ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]:
            yield f"tag {tag['Key']} of a parameter", name


def of_scheduler(scheduler, nodes):
    for schedule in pages(scheduler, "list_schedules", "Schedules"):
        whole = scheduler.get_schedule(GroupName=schedule["GroupName"], Name=schedule["Name"])
        given = json.loads(whole["Target"]["Input"])
        if "TrackingServerName" in given:
            yield "schedule of a tracking server", given["TrackingServerName"]
            continue
        ends = given["InstanceIds"]
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
