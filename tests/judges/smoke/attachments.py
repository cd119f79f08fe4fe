"""Protection and attributes of instances, network interfaces for themselves, Elastic IP addresses."""

from .base import NAME, TAGS, check, client, refused


def judge(ids, subnet, group):
    attributes(ids)
    interface(subnet, group)
    address(ids[0])


def attributes(ids):
    ec2 = client("ec2")
    first = ids[0]

    def value(attribute):
        answer = ec2.describe_instance_attribute(InstanceId=first, Attribute=attribute)
        return answer[attribute[0].upper() + attribute[1:]]["Value"]

    refused("DryRunOperation", ec2.terminate_instances, InstanceIds=[first], DryRun=True)
    ec2.modify_instance_attribute(InstanceId=first, DisableApiTermination={"Value": True})
    check(value("disableApiTermination") is True, "protected")
    refused("OperationNotPermitted", ec2.terminate_instances, InstanceIds=ids)
    ec2.modify_instance_attribute(InstanceId=first, Attribute="disableApiTermination", Value="false")
    check(value("disableApiTermination") is False, "not protected")
    refused("IncorrectInstanceState", ec2.modify_instance_attribute, InstanceId=first, UserData={"Value": b"x"})
    changed = ec2.modify_instance_metadata_options(InstanceId=first, HttpPutResponseHopLimit=2)
    check(changed["InstanceMetadataOptions"]["HttpPutResponseHopLimit"] == 2, changed)
    pages = ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
    seen = [i["InstanceId"] for page in pages for r in page["Reservations"] for i in r["Instances"]]
    check(set(ids) <= set(seen), seen)
    refused("InvalidParameterValue", ec2.describe_instances, NextToken="made-up")


def interface(subnet, group):
    ec2 = client("ec2")
    request = {
        "SubnetId": subnet, "Groups": [group], "Description": NAME, "ClientToken": NAME,
        "TagSpecifications": [{"ResourceType": "network-interface", "Tags": TAGS}],
    }
    made = ec2.create_network_interface(**request)["NetworkInterface"]
    again = ec2.create_network_interface(**request)["NetworkInterface"]
    one = made["NetworkInterfaceId"]
    check(again["NetworkInterfaceId"] == one, again)
    found = ec2.describe_network_interfaces(Filters=[{"Name": "tag:judge", "Values": [NAME]}, {"Name": "status", "Values": ["available"]}])
    check([n["NetworkInterfaceId"] for n in found["NetworkInterfaces"]] == [one], found)
    check(made["Groups"][0]["GroupId"] == group and "Attachment" not in made, made)
    refused("DependencyViolation", ec2.delete_security_group, GroupId=group)
    ec2.modify_network_interface_attribute(NetworkInterfaceId=one, SourceDestCheck={"Value": False})
    now = ec2.describe_network_interfaces(NetworkInterfaceIds=[one])["NetworkInterfaces"][0]
    check(now["SourceDestCheck"] is False, now)
    ec2.delete_network_interface(NetworkInterfaceId=one)
    refused("InvalidNetworkInterfaceID.NotFound", ec2.delete_network_interface, NetworkInterfaceId=one)


def address(instance):
    ec2 = client("ec2")
    made = ec2.allocate_address(Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": TAGS}])
    one, ip = made["AllocationId"], made["PublicIp"]
    interfaces = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["NetworkInterfaces"]
    primary = next(n["NetworkInterfaceId"] for n in interfaces if n["Attachment"]["DeviceIndex"] == 0)
    ec2.associate_address(AllocationId=one, NetworkInterfaceId=primary)
    shown = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    check(shown["PublicIpAddress"] == ip, shown)
    found = ec2.describe_addresses(Filters=[{"Name": "tag:judge", "Values": [NAME]}])["Addresses"][0]
    check(found["InstanceId"] == instance and found["NetworkInterfaceId"] == primary, found)
    association = ec2.describe_network_interfaces(NetworkInterfaceIds=[primary])["NetworkInterfaces"][0]["Association"]
    check(association["AllocationId"] == one, association)
    ec2.disassociate_address(AssociationId=association["AssociationId"])
    ec2.release_address(AllocationId=one)
    refused("InvalidAllocationID.NotFound", ec2.release_address, AllocationId=one)
