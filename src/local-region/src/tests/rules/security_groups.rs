//! Proofs of the rules of security groups.

use super::launch::{accepted, launch, refused};
use super::{Case, Found, case, same};
use crate::rules::{Rule, security_groups as rules};
use crate::testing::{Bench, element};

async fn ec2(bench: &Bench, call: &str) -> String {
    bench.query("ec2", call).await.1
}

async fn create(bench: &Bench, more: &str) -> String {
    let call = "Action=CreateSecurityGroup&GroupName=g&GroupDescription=d";
    ec2(bench, &format!("{call}{more}")).await
}

/// Makes a group of this name.
async fn group(bench: &Bench, name: &str) -> Result<String, String> {
    let text = create(bench, &format!("&GroupName={name}")).await;
    accepted(&text)?;
    Ok(element(&text, "groupId").to_owned())
}

fn default_group(bench: &Bench) -> String {
    bench.region.inner.state().ec2.groups.keys().next().unwrap().clone()
}

/// Adds inbound rules to a group.
async fn authorize(bench: &Bench, group: &str, more: &str) -> String {
    ec2(bench, &format!("Action=AuthorizeSecurityGroupIngress&GroupId={group}{more}")).await
}

fn creates(rule: &'static Rule, bad: &'static str, good: &'static str) -> Case {
    case(rule, move |bench: Bench| async move {
        accepted(&create(&bench, &format!("&GroupName=good{good}")).await)?;
        refused(&create(&bench, bad).await, rule.answer)
    })
}

/// A rule with `bad` is refused, one with `good` is not.
fn authorizes(rule: &'static Rule, bad: &'static str, good: &'static str) -> Case {
    case(rule, move |bench: Bench| async move {
        let id = group(&bench, "g").await?;
        accepted(&authorize(&bench, &id, good).await)?;
        refused(&authorize(&bench, &id, bad).await, rule.answer)
    })
}

const SSH: &str =
    "&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=22&IpPermissions.1.ToPort=22";

fn ssh_from(range: &str) -> String {
    format!("{SSH}&IpPermissions.1.IpRanges.1.CidrIp={range}")
}

fn all_from(group: &str) -> String {
    format!("&IpPermissions.1.IpProtocol=-1&IpPermissions.1.Groups.1.GroupId={group}")
}

fn of_groups() -> Vec<Case> {
    vec![
        case(&rules::NAME, async |bench: Bench| {
            let named = |count| format!("&GroupName={}", "n".repeat(count));
            accepted(&create(&bench, &named(255)).await)?;
            accepted(
                &create(
                    &bench,
                    "&GroupName=a.b_-%3A/%28%29%23%2C%40%5B%5D%2B%3D%26%3B%7B%7D%21%24%2A",
                )
                .await,
            )?;
            refused(&create(&bench, "&GroupName=%C3%A9").await, "InvalidParameterValue")?;
            refused(&create(&bench, &named(256)).await, "InvalidParameterValue")
        }),
        creates(&rules::DESCRIPTION, "&GroupDescription=a%3Cb", "&GroupDescription=a+b"),
        creates(&rules::NAME_LIKE_ID, "&GroupName=sg-mine", "&GroupName=my-sg-"),
        case(&rules::VPC, async |bench: Bench| {
            let vpc = bench.region.inner.state().ec2.vpc_id.clone();
            accepted(&create(&bench, &format!("&GroupName=h&VpcId={vpc}")).await)?;
            let other = create(&bench, "&VpcId=vpc-0123456789abcdef0").await;
            refused(&other, "InvalidVpcID.NotFound")
        }),
        case(&rules::DUPLICATE, async |bench: Bench| {
            group(&bench, "one").await?;
            refused(&create(&bench, "&GroupName=ONE").await, "InvalidGroup.Duplicate")
        }),
        case(&rules::LIMIT, async |bench: Bench| {
            group(&bench, "first").await?;
            {
                let groups = &mut bench.region.inner.state().ec2.groups;
                let group = groups.values().next().unwrap().clone();
                groups.extend((2..2500).map(|n| (format!("sg-{n}"), group.clone())));
            }
            refused(&create(&bench, "").await, "SecurityGroupLimitExceeded")
        }),
        case(&rules::MALFORMED, async |bench: Bench| {
            let text = ec2(&bench, "Action=DescribeSecurityGroups&GroupId.1=mine").await;
            refused(&text, "InvalidGroupId.Malformed")
        }),
        case(&rules::UNKNOWN, async |bench: Bench| {
            let unknown = "sg-0123456789abcdef0";
            let calls = [
                "DescribeSecurityGroups&GroupName.1=none".to_owned(),
                format!("DeleteSecurityGroup&GroupId={unknown}"),
                format!("DescribeSecurityGroups&GroupId.1={unknown}"),
            ];
            for call in calls {
                refused(&ec2(&bench, &format!("Action={call}")).await, "InvalidGroup.NotFound")?;
            }
            let launched = launch(&bench, &format!("&SecurityGroupId.1={unknown}")).await.1;
            refused(&launched, "InvalidGroup.NotFound")
        }),
        case(&rules::PER_INTERFACE, async |bench: Bench| {
            let mut ids = String::new();
            for n in 1..=5 {
                let id = group(&bench, &format!("g{n}")).await?;
                ids += &format!("&NetworkInterface.1.SecurityGroupId.{n}={id}");
            }
            let nic = format!("&NetworkInterface.1.DeviceIndex=0{ids}");
            accepted(&launch(&bench, &nic).await.1)?;
            let sixth = group(&bench, "g6").await?;
            let more = format!("{nic}&NetworkInterface.1.SecurityGroupId.6={sixth}");
            refused(&launch(&bench, &more).await.1, "SecurityGroupsPerInterfaceLimitExceeded")
        }),
        case(&rules::DEFAULT_STAYS, async |bench: Bench| {
            let text = ec2(&bench, "Action=DeleteSecurityGroup&GroupName=default").await;
            refused(&text, "CannotDelete")
        }),
        case(&rules::USED_BY_INTERFACE, async |bench: Bench| {
            let id = group(&bench, "g").await?;
            accepted(&launch(&bench, &format!("&SecurityGroupId.1={id}")).await.1)?;
            let delete = format!("Action=DeleteSecurityGroup&GroupId={id}");
            refused(&ec2(&bench, &delete).await, "DependencyViolation")?;
            bench.region.shutdown().await;
            accepted(&ec2(&bench, &delete).await)
        }),
        case(&rules::USED_BY_RULE, async |bench: Bench| {
            let (id, other) = (group(&bench, "g").await?, group(&bench, "h").await?);
            accepted(&authorize(&bench, &id, &all_from(&id)).await)?;
            accepted(&authorize(&bench, &other, &all_from(&id)).await)?;
            let delete = |id: &str| format!("Action=DeleteSecurityGroup&GroupId={id}");
            refused(&ec2(&bench, &delete(&id)).await, "DependencyViolation")?;
            accepted(&ec2(&bench, &delete(&other)).await)?;
            accepted(&ec2(&bench, &delete(&id)).await)
        }),
    ]
}

fn of_permissions() -> Vec<Case> {
    vec![
        authorizes(
            &rules::PROTOCOL,
            "&IpProtocol=tls&CidrIp=10.0.0.0/8",
            "&IpProtocol=50&CidrIp=10.0.0.0/8",
        ),
        authorizes(
            &rules::PORTS_NEEDED,
            "&IpProtocol=tcp&FromPort=22&CidrIp=10.0.0.0/8",
            "&IpProtocol=tcp&FromPort=22&ToPort=22&CidrIp=10.0.0.0/8",
        ),
        authorizes(
            &rules::PORT_RANGE,
            "&IpProtocol=udp&FromPort=9&ToPort=8&CidrIp=10.0.0.0/8",
            "&IpProtocol=udp&FromPort=0&ToPort=65535&CidrIp=10.0.0.0/8",
        ),
        authorizes(
            &rules::ICMP_TYPE,
            "&IpProtocol=icmp&FromPort=-1&ToPort=0&CidrIp=10.0.0.0/8",
            "&IpProtocol=icmp&FromPort=8&ToPort=-1&CidrIp=10.0.0.0/8",
        ),
        case(&rules::CIDR, async |bench: Bench| {
            let id = group(&bench, "g").await?;
            let v6 = |range: &str| {
                format!(
                    "&IpPermissions.1.IpProtocol=-1&IpPermissions.1.Ipv6Ranges.1.CidrIpv6={range}"
                )
            };
            accepted(&authorize(&bench, &id, &v6("::/0")).await)?;
            for bad in ["10.0.0.1", "10.0.0.0/33", "10.0.0/8", "::/0"] {
                refused(&authorize(&bench, &id, &ssh_from(bad)).await, "InvalidParameterValue")?;
            }
            refused(&authorize(&bench, &id, &v6("10.0.0.0/8")).await, "InvalidParameterValue")
        }),
        case(&rules::CIDR_CANONICAL, async |bench: Bench| {
            let id = group(&bench, "g").await?;
            let text = authorize(&bench, &id, &ssh_from("100.68.0.18/18")).await;
            same(element(&text, "cidrIpv4"), "100.68.0.0/18")?;
            let again = authorize(&bench, &id, &ssh_from("100.68.1.0/18")).await;
            refused(&again, "InvalidPermission.Duplicate")
        }),
        authorizes(&rules::SOURCE_NEEDED, SSH, "&IpProtocol=-1&CidrIp=0.0.0.0/0"),
        case(&rules::REFERENCE, async |bench: Bench| {
            let id = group(&bench, "g").await?;
            let other = group(&bench, "h").await?;
            accepted(&authorize(&bench, &id, &all_from(&other)).await)?;
            let named = "&IpPermissions.1.IpProtocol=-1&IpPermissions.1.Groups.1.GroupName=none";
            refused(&authorize(&bench, &id, named).await, "InvalidGroup.NotFound")?;
            let unknown = all_from("sg-0123456789abcdef0");
            refused(&authorize(&bench, &id, &unknown).await, "InvalidGroup.NotFound")
        }),
        case(&rules::RULE_DESCRIPTION, async |bench: Bench| {
            let id = group(&bench, "g").await?;
            let told = |text: &str| {
                format!("{}&IpPermissions.1.IpRanges.1.Description={text}", ssh_from("10.0.0.0/8"))
            };
            refused(&authorize(&bench, &id, &told("a%0Ab")).await, "InvalidParameterValue")?;
            accepted(&authorize(&bench, &id, &told("from+home")).await)
        }),
    ]
}

fn of_changes() -> Vec<Case> {
    vec![
        case(&rules::REPEATED, async |bench: Bench| {
            let id = group(&bench, "g").await?;
            let twice =
                format!("{}&IpPermissions.1.IpRanges.2.CidrIp=10.0.0.0/8", ssh_from("10.0.0.0/8"));
            refused(&authorize(&bench, &id, &twice).await, "InvalidParameterValue")
        }),
        case(&rules::RULE_DUPLICATE, async |bench: Bench| {
            let id = group(&bench, "g").await?;
            accepted(&authorize(&bench, &id, &ssh_from("10.0.0.0/8")).await)?;
            let more =
                format!("{}&IpPermissions.1.IpRanges.2.CidrIp=11.0.0.0/8", ssh_from("10.0.0.0/8"));
            refused(&authorize(&bench, &id, &more).await, "InvalidPermission.Duplicate")?;
            same(bench.region.inner.state().ec2.groups[&id].rules.len(), 2)
        }),
        case(&rules::RULE_LIMIT, async |bench: Bench| {
            let id = group(&bench, "g").await?;
            let ranges: String = (1..=60)
                .map(|n| format!("&IpPermissions.1.IpRanges.{n}.CidrIp=10.0.{n}.0/24"))
                .collect();
            accepted(&authorize(&bench, &id, &format!("{SSH}{ranges}")).await)?;
            let one = ssh_from("11.0.0.0/8");
            refused(&authorize(&bench, &id, &one).await, "RulesPerSecurityGroupLimitExceeded")?;
            let out = format!("Action=AuthorizeSecurityGroupEgress&GroupId={id}{one}");
            accepted(&ec2(&bench, &out).await)
        }),
        case(&rules::RULE_MALFORMED, async |bench: Bench| {
            let text =
                ec2(&bench, "Action=DescribeSecurityGroupRules&SecurityGroupRuleId.1=x").await;
            refused(&text, "InvalidSecurityGroupRuleId.Malformed")
        }),
        case(&rules::RULE_UNKNOWN, async |bench: Bench| {
            let id = group(&bench, "g").await?;
            let rule = bench.region.inner.state().ec2.groups[&id].rules[0].id.clone();
            let revoke = |direction: &str| {
                format!(
                    "Action=RevokeSecurityGroup{direction}&GroupId={id}&SecurityGroupRuleId.1={rule}"
                )
            };
            refused(&ec2(&bench, &revoke("Ingress")).await, "InvalidSecurityGroupRuleId.NotFound")?;
            accepted(&ec2(&bench, &revoke("Egress")).await)?;
            refused(&ec2(&bench, &revoke("Egress")).await, "InvalidSecurityGroupRuleId.NotFound")
        }),
        case(&rules::REVOKE_UNMATCHED, revoke_unmatched),
    ]
}

async fn revoke_unmatched(bench: Bench) -> Found {
    let id = default_group(&bench);
    accepted(&authorize(&bench, &id, &ssh_from("10.0.0.0/8")).await)?;
    let revoke =
        |range| format!("Action=RevokeSecurityGroupIngress&GroupId={id}{}", ssh_from(range));
    let text = ec2(&bench, &revoke("11.0.0.0/8")).await;
    accepted(&text)?;
    same(element(element(&text, "unknownIpPermissionSet"), "cidrIp"), "11.0.0.0/8")?;
    let text = ec2(&bench, &revoke("10.0.0.0/8")).await;
    same(element(element(&text, "revokedSecurityGroupRuleSet"), "cidrIpv4"), "10.0.0.0/8")?;
    same(element(&text, "unknownIpPermissionSet"), "")
}

pub fn cases() -> Vec<Case> {
    let mut all = of_groups();
    all.extend(of_permissions());
    all.extend(of_changes());
    all
}
