"""Roles, policies and instance profiles."""

import json

from .base import NAME, TAGS, check, client, refused

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


def up():
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


def down():
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
