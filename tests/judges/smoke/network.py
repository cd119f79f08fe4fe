"""VPC, subnets, offerings, security groups, placement groups."""

from .base import NAME, TAGS, check, client, refused, wait


def judge():
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
