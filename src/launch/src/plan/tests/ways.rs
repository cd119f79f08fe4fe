//! Subnets, the way out of them, and reservations.

use super::*;

#[test]
fn nodes_have_a_way_out_that_ec2_allows() {
    let way = |spec: &Spec, facts: &Facts| {
        let plan = ready(spec, facts);
        let request = plan.request(&plan.attempts[0], "sg-1", "g");
        (plan.attempts[0].way_out, request.network_interfaces[0].associate_public_ip)
    };
    assert_eq!(way(&spec(), &facts()), (WayOut::Assigned, Some(true)));
    let asked = |public_address| Spec { public_address, ..spec() };
    assert_eq!(way(&asked(PublicAddress::None), &facts()), (WayOut::Private, Some(false)));
    assert_eq!(way(&asked(PublicAddress::Elastic), &facts()), (WayOut::Elastic, Some(false)));
    let mut several = facts();
    several.types[0].info.efa_max_interfaces = 2;
    several.types[0].info.network_cards.push(nixl_aws::ec2::NetworkCard { index: 1, ..card() });
    assert_eq!(way(&spec(), &several), (WayOut::Elastic, None));
    several.subnets.iter_mut().for_each(|subnet| subnet.map_public_ip = false);
    assert_eq!(way(&spec(), &several), (WayOut::Private, None));
}

#[test]
fn what_needs_more_elastic_ips_than_there_are_gives_way() {
    let mut facts = facts();
    let mut several = facts.types[0].clone();
    several.info.name = "p4d.24xlarge".to_owned();
    several.info.efa_max_interfaces = 2;
    several.info.network_cards.push(nixl_aws::ec2::NetworkCard { index: 1, ..card() });
    facts.types.insert(0, several);
    facts.address_limit = Known::Value(5.0);
    let types = |facts: &Facts| {
        let plan = ready(&spec(), facts);
        let name = |it: &Attempt| it.instance_type.clone();
        let types: Vec<String> = plan.attempts.iter().map(name).collect();
        (types, warned(&plan, "addresses"))
    };
    let all = ["p4d.24xlarge", "p4d.24xlarge", "g6.12xlarge", "g6.12xlarge"];
    assert_eq!(types(&facts).0, all, "unknown is never taken for none");
    facts.addresses = Known::Value(3);
    assert_eq!((types(&facts).0, types(&facts).1.len()), (all.map(str::to_owned).to_vec(), 0));
    facts.addresses = Known::Value(4);
    let (left, warned) = types(&facts);
    assert_eq!(left, all[2..]);
    let out = "left out: p4d.24xlarge in us-east-1a, p4d.24xlarge in us-east-1b";
    assert!(warned[0].contains(out) && warned[0].contains("--desired-value 6"), "{warned:?}");
    facts.own_addresses = 1;
    assert_eq!(types(&facts).0, all, "one is the cluster's already");
    facts.own_addresses = 0;
    let elastic = Spec { public_address: PublicAddress::Elastic, ..spec() };
    assert_eq!(refused(&elastic, &facts)[0].0, "addresses");
}

/// A second `up` of a cluster whose own nodes have taken what the first one needed.
#[test]
fn nodes_that_are_there_need_no_more_addresses() {
    let of = |way_out: WayOut| {
        let mut facts = facts();
        facts.subnets.iter_mut().for_each(|subnet| subnet.free_addresses = 1);
        (facts.addresses, facts.address_limit) = (Known::Value(5), Known::Value(5.0));
        let nodes = (0..2).map(|index| node(index, "running", 2)).map(|mut node| {
            node.tags.push(Tag::new(keys::WAY_OUT, way_out.as_str()));
            node
        });
        facts.instances = nodes.collect();
        facts
    };
    let elastic = Spec { public_address: PublicAddress::Elastic, ..spec() };
    ready(&spec(), &of(WayOut::Assigned));
    ready(&elastic, &of(WayOut::Private));
    assert_eq!(refused(&elastic, &of(WayOut::Elastic))[0].0, "addresses", "two lack theirs");
    ready(&elastic, &Facts { own_addresses: 2, ..of(WayOut::Elastic) });
    let gone = Facts { instances: Vec::new(), ..of(WayOut::Private) };
    assert_eq!(refused(&spec(), &gone)[0].0, "zones");
}

#[test]
fn subnets_bring_their_vpc_and_must_share_it() {
    let mut facts = facts();
    facts.subnets[0].vpc_id = "vpc-2".to_owned();
    facts.subnets[0].default_for_zone = false;
    let named = |ids: &[&str]| Spec {
        subnets: ids.iter().map(|id| format!("subnet-us-east-1{id}")).collect(),
        ..spec()
    };
    let plan = ready(&named(&["b"]), &facts);
    assert_eq!((plan.vpc_id.as_str(), plan.attempts.len()), ("vpc-2", 1));
    assert!(refused(&named(&["a", "b"]), &facts)[0].1.contains("several VPCs"));
    assert!(refused(&named(&["x"]), &facts)[0].1.contains("not there"));
}

fn block() -> nixl_aws::ec2::Reservation {
    nixl_aws::ec2::Reservation {
        id: "cr-1".to_owned(),
        state: "active".to_owned(),
        instance_type: "g6.12xlarge".to_owned(),
        zone: "us-east-1b".to_owned(),
        total: 2,
        available: 2,
        capacity_block: true,
        ..Default::default()
    }
}

#[test]
fn a_capacity_block_has_its_market_its_zone_and_no_group() {
    let facts = Facts { reservation: Some(block()), ..facts() };
    let spec = Spec { reservation_id: Some("cr-1".to_owned()), ..spec() };
    let attempts = ready(&spec, &facts).attempts;
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].key(), "g6.12xlarge/capacity-block/us-east-1b");
    assert_eq!(attempts[0].placement_group, None);
    let own = nixl_aws::ec2::Reservation {
        capacity_block: false,
        placement_group: Some("mine".to_owned()),
        ..block()
    };
    let attempts = ready(&spec, &Facts { reservation: Some(own), ..facts.clone() }).attempts;
    assert_eq!(attempts[0].key(), "g6.12xlarge/on-demand/us-east-1b");
    assert_eq!(attempts[0].placement_group.as_deref(), Some("mine"));
}

#[test]
fn a_reservation_that_cannot_be_used_says_why() {
    let spec = Spec { reservation_id: Some("cr-1".to_owned()), ..spec() };
    let why = |reservation| refused(&spec, &Facts { reservation, ..facts() })[0].1.clone();
    assert!(why(None).contains("not there"));
    let with = |change: fn(&mut nixl_aws::ec2::Reservation)| {
        let mut reservation = block();
        change(&mut reservation);
        why(Some(reservation))
    };
    assert!(with(|it| it.state = "scheduled".to_owned()).contains("is scheduled"));
    assert!(with(|it| it.available = 1).contains("room for 1 of 2"));
    assert!(with(|it| it.instance_type = "p5.48xlarge".to_owned()).contains("--instance-type p5"));
}

#[test]
fn nodes_that_are_there_already_need_no_other_room() {
    let spec = Spec { reservation_id: Some("cr-1".to_owned()), ..spec() };
    let full = || Facts {
        reservation: Some(nixl_aws::ec2::Reservation { available: 0, ..block() }),
        ..facts()
    };
    let there = |used: &str, state: &str| Facts {
        instances: (0..2)
            .map(|index| Instance {
                reservation_used: Some(used.to_owned()),
                ..node(index, state, 2)
            })
            .collect(),
        ..full()
    };
    ready(&spec, &there("cr-1", "running"));
    assert!(refused(&spec, &full())[0].1.contains("room for 0 of 2"));
    assert!(refused(&spec, &there("cr-2", "running"))[0].1.contains("room for 0 of 2"));
    assert!(refused(&spec, &there("cr-1", "terminated"))[0].1.contains("room for 0 of 2"));
}
