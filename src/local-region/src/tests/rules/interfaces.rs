//! Proofs of the rules of network interfaces.

use super::launch::{accepted, launch, launches, refused, subnet};
use super::{Case, case};
use crate::api::ec2::InstanceType;
use crate::rules::{Rule, interfaces as rules};
use crate::testing::{Bench, element};

/// Interfaces as (card, device, type), then more parameters.
fn nics(list: &[(u32, u32, &str)], more: &str) -> String {
    let mut text = String::new();
    for (n, (card, device, kind)) in (1..).zip(list) {
        text += &format!(
            "&NetworkInterface.{n}.NetworkCardIndex={card}&NetworkInterface.{n}.DeviceIndex={device}&NetworkInterface.{n}.InterfaceType={kind}"
        );
    }
    text + more
}

type Nics = &'static [(u32, u32, &'static str)];

fn refuses(
    rule: &'static Rule,
    instance_type: &'static str,
    (bad, bad_more): (Nics, &'static str),
    (good, good_more): (Nics, &'static str),
) -> Case {
    case(rule, move |bench: Bench| async move {
        let with = |list, more: &str| nics(list, &format!("{more}&InstanceType={instance_type}"));
        accepted(&launch(&bench, &with(good, good_more)).await.1)?;
        refused(&launch(&bench, &with(bad, bad_more)).await.1, rule.answer)
    })
}

pub fn cases() -> Vec<Case> {
    const PUBLIC: &str = "&NetworkInterface.1.AssociatePublicIpAddress=true";
    vec![
        case(&rules::TOP_LEVEL, async |bench: Bench| {
            let one = nics(&[(0, 0, "efa")], "");
            accepted(&launch(&bench, &one).await.1)?;
            let both = format!("{one}&SubnetId={}", subnet(&bench, 0));
            refused(&launch(&bench, &both).await.1, "InvalidParameterCombination")
        }),
        launches(
            &rules::DEVICE_NEEDED,
            "&NetworkInterface.1.InterfaceType=efa",
            "&NetworkInterface.1.InterfaceType=efa&NetworkInterface.1.DeviceIndex=0",
        ),
        refuses(
            &rules::PRIMARY,
            "g5.12xlarge",
            (&[(0, 1, "interface")], ""),
            (&[(0, 1, "interface"), (0, 0, "interface")], ""),
        ),
        refuses(
            &rules::UNIQUE,
            "p4d.24xlarge",
            (&[(0, 0, "efa"), (1, 1, "efa-only"), (1, 1, "interface")], ""),
            (&[(0, 0, "efa"), (1, 1, "efa-only"), (2, 1, "efa-only")], ""),
        ),
        refuses(&rules::KIND, "g5.12xlarge", (&[(0, 0, "rdma")], ""), (&[(0, 0, "efa")], "")),
        refuses(
            &rules::CARD,
            "g6e.24xlarge",
            (&[(0, 0, "efa"), (2, 1, "efa-only")], ""),
            (&[(0, 0, "efa"), (1, 1, "efa-only")], ""),
        ),
        refuses(
            &rules::EFA_CARD,
            "p6-b300.48xlarge",
            (&[(0, 0, "efa")], ""),
            // The guide's text says device 1, its example device 0.
            (&[(0, 0, "interface"), (1, 0, "efa-only"), (2, 1, "efa-only")], ""),
        ),
        refuses(
            &rules::EFA_CARD,
            "g5.xlarge",
            (&[(0, 0, "efa")], ""),
            (&[(0, 0, "interface")], ""),
        ),
        refuses(
            &rules::EFA_ONLY_PRIMARY,
            "g5.12xlarge",
            (&[(0, 0, "efa-only")], ""),
            (&[(0, 0, "interface"), (0, 1, "efa-only")], ""),
        ),
        refuses(
            &rules::ONE_EFA_PER_CARD,
            "g5.12xlarge",
            (&[(0, 0, "efa"), (0, 1, "efa-only")], ""),
            (&[(0, 0, "efa"), (0, 1, "interface")], ""),
        ),
        refuses(
            &rules::EFA_LIMIT,
            "i7ie.48xlarge",
            (&[(0, 0, "efa"), (1, 1, "efa-only")], ""),
            (&[(0, 0, "efa"), (1, 1, "interface")], ""),
        ),
        refuses(
            &rules::CARD_LIMIT,
            "p5.48xlarge",
            (&[(0, 0, "efa"), (0, 1, "interface"), (0, 2, "interface")], ""),
            (&[(0, 0, "efa"), (0, 1, "interface")], ""),
        ),
        refuses(
            &rules::PUBLIC_ONE,
            "g5.12xlarge",
            (&[(0, 0, "efa"), (0, 1, "interface")], PUBLIC),
            (&[(0, 0, "efa")], PUBLIC),
        ),
        refuses(
            &rules::PUBLIC_EFA_ONLY,
            "p4d.24xlarge",
            (
                &[(0, 0, "efa"), (1, 1, "efa-only")],
                "&NetworkInterface.2.AssociatePublicIpAddress=true",
            ),
            (
                &[(0, 0, "efa"), (1, 1, "efa-only")],
                "&NetworkInterface.2.AssociatePublicIpAddress=false",
            ),
        ),
        launches(
            &rules::EXISTING,
            "&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.NetworkInterfaceId=eni-0123456789abcdef0",
            "&NetworkInterface.1.DeviceIndex=0",
        ),
        launches(&rules::GROUP_NAME, "&SecurityGroup.1=nobody", "&SecurityGroup.1=default"),
    ]
}

#[tokio::test]
async fn an_interface_of_another_instance_is_in_use() {
    let bench = Bench::new();
    let (_, text) = launch(&bench, "").await;
    let eni = element(&text, "networkInterfaceId");
    let more =
        format!("&NetworkInterface.1.DeviceIndex=0&NetworkInterface.1.NetworkInterfaceId={eni}");
    refused(&launch(&bench, &more).await.1, "InvalidNetworkInterface.InUse").unwrap();
}

/// The guide's layout (EFA wherever a card takes it, first on the primary
/// interface, else efa-only) passes for every EFA type, and one EFA more on a
/// card does not.
#[tokio::test]
async fn every_efa_type_takes_the_layout_of_the_guide() {
    let bench = Bench::new();
    for rule in ["ec2.run.architecture", "ec2.run.type-not-in-region", "ec2.quota.on-demand"] {
        bench.region.inner.rules.switch(rule, false);
    }
    for t in InstanceType::all().iter().filter(|t| t.max_efa > 0) {
        let cards = t.cards();
        let first = if cards[0].efa { "efa" } else { "interface" };
        let mut list = vec![(0, 0, first)];
        for (index, card) in (0..).zip(&cards).skip(1).filter(|(_, card)| card.efa) {
            list.push((index, u32::from(card.max_interfaces > 1), "efa-only"));
        }
        list.truncate(t.max_efa as usize + usize::from(!cards[0].efa));
        let more = format!("&InstanceType={}&DryRun=true", t.name);
        let (_, text) = launch(&bench, &nics(&list, &more)).await;
        refused(&text, "DryRunOperation").unwrap_or_else(|why| panic!("{}: {why}", t.name));
        list.push((list.last().unwrap().0, 2, "efa-only"));
        let (_, text) = launch(&bench, &nics(&list, &more)).await;
        refused(&text, "AttachmentLimitExceeded").unwrap_or_else(|why| panic!("{}: {why}", t.name));
    }
}
