use super::*;
use crate::node_says::MachineState;
use crate::plan::{Known, Store, node_policy};
use nixl_aws::ErrorKind;
use nixl_aws::Tag;
use nixl_aws::ec2::{AttachedInterface, MetadataOptions, RouteTable};

fn error(code: &str) -> AwsError {
    AwsError {
        service: "ec2",
        operation: "X",
        kind: ErrorKind::Service { code: code.to_owned(), status: 403 },
        message: "told".to_owned(),
    }
}

fn tags(more: &[(&str, &str)]) -> Vec<Tag> {
    let all = [("nixl:cluster", "nixl")].iter().chain(more);
    all.map(|(key, value)| Tag::new(*key, *value)).collect()
}

const ENDS: &str = "2026-11-28T20:00:00Z";

fn node(rank: u32) -> Instance {
    let id = format!("i-{rank}");
    Instance {
        state: "running".to_owned(),
        launch_index: rank,
        zone: "us-east-1a".to_owned(),
        instance_type: "g6.12xlarge".to_owned(),
        vpc_id: Some("vpc-1".to_owned()),
        subnet_id: Some("subnet-1".to_owned()),
        placement_group: Some("nixl-us-east-1a".to_owned()),
        public_ip: Some("203.0.113.1".to_owned()),
        profile_arn: Some(
            "arn:aws:iam::123456789012:instance-profile/nixl-node-us-east-1".to_owned(),
        ),
        metadata: Some(MetadataOptions { endpoint: true, tokens_required: true, tags: true }),
        interfaces: vec![AttachedInterface {
            interface_type: "efa".to_owned(),
            group_ids: vec!["sg-1".to_owned()],
            ..Default::default()
        }],
        tags: tags(&[
            ("nixl:state", "1:paired:-:9"),
            ("nixl:endpoint", "1:efa:AAAA"),
            ("nixl:provider", "efa"),
            ("nixl:size", "2"),
            ("nixl:expires-at", ENDS),
            ("nixl:tracking-arn", "arn:m/x"),
        ]),
        id,
        ..Default::default()
    }
}

/// A pair with nothing wrong.
pub(super) fn healthy() -> Facts {
    let arn = "arn:m/x".to_owned();
    let store = Store { bucket: "b".to_owned(), kms_key: None };
    let end: jiff::Timestamp = ENDS.parse().unwrap();
    let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
    let says = NodeSays {
        link: Some(Default::default()),
        state: Some(MachineState {
            at_secs: now.as_second() as f64,
            end_secs: Some(end.as_second()),
            timer: true,
            unit: "active".to_owned(),
            provider: Some("efa".to_owned()),
            free_bytes: Some(1 << 30),
            cloud_init: Some("done".to_owned()),
            errors: Vec::new(),
        }),
        ..Default::default()
    };
    Facts {
        cluster: Default::default(),
        region: "us-east-1".to_owned(),
        account: Ok("123456789012".to_owned()),
        launch: None,
        known: plan::Facts {
            routes: Known::Value(vec![RouteTable {
                vpc_id: "vpc-1".to_owned(),
                is_main: true,
                default_target: Some("igw-1".to_owned()),
                ..Default::default()
            }]),
            ..Default::default()
        },
        instances: Ok(vec![node(0), node(1)]),
        groups: Ok(vec![SecurityGroup {
            id: "sg-1".to_owned(),
            self_ingress: true,
            self_egress: true,
            open_egress: true,
            tags: tags(&[]),
            ..Default::default()
        }]),
        placement: Ok(vec![PlacementGroup {
            name: "nixl-us-east-1a".to_owned(),
            state: "available".to_owned(),
            ..Default::default()
        }]),
        role: Ok(Some(Role {
            name: "nixl-node-us-east-1".to_owned(),
            tags: tags(&[]),
            ..Default::default()
        })),
        profile: Ok(Some(InstanceProfile {
            roles: vec!["nixl-node-us-east-1".to_owned()],
            ..Default::default()
        })),
        attached: Ok(vec!["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore".to_owned()]),
        agents: Ok(["i-0", "i-1"].map(|id| (id.to_owned(), "Online".to_owned())).into()),
        asked: Some((now, now)),
        policy: Ok(Some(
            node_policy("us-east-1", Some(&arn), Some(&store.artifacts())).to_string(),
        )),
        tracking_role: Ok(Some(Default::default())),
        tracking_bucket: Ok(Some(bucket::tests::as_made())),
        says: ["i-0", "i-1"].map(|id| (id.to_owned(), Ok(says.clone()))).into(),
        tracking: Ok(Some(TrackingReport {
            arn,
            status: "Created".to_owned(),
            active: true,
            owned: true,
            ..Default::default()
        })),
        scheduled: Ok(["i-0", "i-1"].map(|id| (id.to_owned(), ENDS.replace('Z', ""))).into()),
        plugin: true,
        now,
    }
}

/// What a node says of its machine.
fn machine(facts: &mut Facts) -> &mut MachineState {
    facts.says.get_mut("i-0").unwrap().as_mut().unwrap().state.as_mut().unwrap()
}

/// Names of what is not good, once each.
fn ill(change: impl FnOnce(&mut Facts)) -> Vec<(String, Verdict)> {
    let mut facts = healthy();
    change(&mut facts);
    let bad = diagnose(&facts).checks.into_iter().filter(|check| check.verdict >= Verdict::Warn);
    let mut bad: Vec<_> = bad
        .map(|check| {
            let fix = check.fix.unwrap_or_default();
            assert!(!fix.is_empty() && fix.matches('`').count() % 2 == 0, "{}: {fix}", check.name);
            (check.name, check.verdict)
        })
        .collect();
    bad.dedup();
    bad
}

fn one(name: &str, verdict: Verdict) -> Vec<(String, Verdict)> {
    vec![(name.to_owned(), verdict)]
}

fn first(facts: &mut Facts) -> &mut Instance {
    &mut facts.instances.as_mut().unwrap()[0]
}

fn tag(node: &mut Instance, key: &str, value: &str) {
    node.tags.retain(|tag| tag.key != key);
    node.tags.push(Tag::new(key, value));
}

#[test]
fn a_healthy_pair_has_nothing() {
    assert_eq!(ill(|_| {}), []);
    assert_eq!(diagnose(&healthy()).verdict, Verdict::Pass);
}

#[test]
fn one_bad_credential_is_one_failure() {
    for (code, name) in [("InvalidClientTokenId", "credentials"), ("RequestExpired", "clock")] {
        let mut facts = healthy();
        facts.account = Err(error(code));
        facts.instances = Err(error(code));
        let checks = diagnose(&facts).checks;
        assert_eq!((checks.len(), checks[0].name.as_str()), (2, name));
        assert_eq!((checks[0].verdict, checks[1].verdict), (Verdict::Fail, Verdict::Skip));
    }
    let late = "Signature expired: 20261128T100000Z is now earlier than 20261128T110000Z";
    for (message, name) in [(late, "clock"), ("does not match the signature", "credentials")] {
        let mut facts = healthy();
        let message = message.to_owned();
        facts.account = Err(AwsError { message, ..error("SignatureDoesNotMatch") });
        assert_eq!(diagnose(&facts).checks[0].name, name);
    }
    let mut facts = healthy();
    facts.account = Err(AwsError { kind: ErrorKind::Unreachable, ..error("") });
    assert_eq!(diagnose(&facts).checks[0].name, "endpoint");
}

#[test]
fn without_a_cluster_it_is_what_a_launch_would_be() {
    let with = |plan: Read<crate::plan::Plan>, allowed| {
        let mut facts = healthy();
        facts.instances = Ok(vec![]);
        facts.launch = Some(Launch { plan, allowed });
        diagnose(&facts)
    };
    let spec = crate::plan::Spec::new(Default::default(), "us-east-1");
    let plan = || Ok(crate::plan::plan(&spec, &crate::plan::tests::facts()));
    let found = with(plan(), Some(Ok(())));
    let names: Vec<&str> = found.checks.iter().map(|check| check.name.as_str()).collect();
    for name in ["quota", "way-out", "rdma", "price", "image", "permission"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    assert_eq!(found.verdict, Verdict::Pass, "{:?}", found.checks);
    let message = "You are not authorized to perform this operation. User: arn:aws:iam::1:user/a is not authorized to perform: iam:PassRole on resource: arn:x Encoded authorization failure message: zzz";
    let denied = AwsError { message: message.to_owned(), ..error("UnauthorizedOperation") };
    for found in [with(Err(denied.clone()), None), with(plan(), Some(Err(denied)))] {
        let failed: Vec<_> = found.checks.iter().filter(|it| it.verdict == Verdict::Fail).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].fix.as_ref().unwrap().contains("allow iam:PassRole"), "{failed:?}");
        assert!(!failed[0].found.contains("zzz"), "{failed:?}");
    }
}

#[test]
fn a_rule_that_is_missing_is_named_with_the_call_that_restores_it() {
    for direction in ["ingress", "egress"] {
        let mut facts = healthy();
        let group = &mut facts.groups.as_mut().unwrap()[0];
        if direction == "ingress" {
            group.self_ingress = false
        } else {
            group.self_egress = false
        }
        let checks = diagnose(&facts).checks;
        let failed: Vec<_> = checks.iter().filter(|it| it.verdict == Verdict::Fail).collect();
        assert_eq!((failed.len(), failed[0].name.as_str()), (1, &*format!("self-{direction}")));
        let call = format!("authorize-security-group-{direction} --group-id sg-1");
        assert!(failed[0].fix.as_ref().unwrap().contains(&call), "{failed:?}");
    }
    let closed = ill(|facts| facts.groups.as_mut().unwrap()[0].open_egress = false);
    assert_eq!(closed, one("egress", Verdict::Warn));
    assert_eq!(ill(|facts| facts.groups = Ok(vec![])), one("security-group", Verdict::Fail));
}

#[test]
fn each_thing_that_breaks_is_the_one_that_is_named() {
    use Verdict::{Fail, Warn};
    assert_eq!(ill(|f| first(f).zone = "us-east-1b".to_owned()), one("zone", Fail));
    assert_eq!(ill(|f| first(f).placement_group = None), one("placement-group", Warn));
    assert_eq!(ill(|f| f.placement = Ok(vec![])), one("placement-group", Warn));
    assert_eq!(ill(|f| f.role = Ok(None)), one("role", Fail));
    assert_eq!(ill(|f| f.profile = Ok(None)), one("profile", Fail));
    assert_eq!(ill(|f| f.attached = Ok(vec![])), one("ssm-policy", Fail));
    assert_eq!(ill(|f| f.scheduled = Ok(Default::default())), one("schedule", Fail));
    assert_eq!(ill(|f| f.tracking = Ok(None)), one("mlflow", Fail));
    assert_eq!(ill(|f| f.tracking_bucket = Ok(None)), one("mlflow-bucket", Fail));
    let other =
        |f: &mut Facts| f.tracking_bucket.as_mut().unwrap().as_mut().unwrap().name.push('x');
    assert!(ill(other).contains(&one("node-policy", Warn)[0]));
    let stopped = ill(|f| f.tracking.as_mut().unwrap().as_mut().unwrap().active = false);
    assert_eq!(stopped, one("mlflow", Fail));
    assert_eq!(ill(|f| f.now = "2026-11-28T21:00:00Z".parse().unwrap()), one("end", Fail));
    let other_end = ill(|f| {
        tag(first(f), "nixl:expires-at", "2026-11-29T00:00:00Z");
        f.scheduled.as_mut().unwrap().insert("i-0".to_owned(), "2026-11-29T00:00:00".to_owned());
        let later: jiff::Timestamp = "2026-11-29T00:00:00Z".parse().unwrap();
        machine(f).end_secs = Some(later.as_second());
    });
    assert_eq!(other_end, one("end", Warn));
    let at = |f: &mut Facts, at: &str| {
        _ = f.scheduled.as_mut().unwrap().insert("i-0".to_owned(), at.to_owned())
    };
    assert_eq!(ill(|f| at(f, "2026-11-28T18:00:00")), one("schedule", Warn));
    assert_eq!(ill(|f| machine(f).end_secs = Some(1)), one("timer", Warn));
    let moved = |f: &mut Facts, secs: i64| *machine(f).end_secs.as_mut().unwrap() += secs;
    assert_eq!(ill(|f| moved(f, 40)), [], "it booted before its tag was there");
    assert_eq!(ill(|f| moved(f, 301)), one("timer", Warn));
    assert_eq!(ill(|f| moved(f, -1)), one("timer", Warn));
    assert_eq!(ill(|f| machine(f).end_secs = None), one("timer", Fail));
    assert_eq!(ill(|f| machine(f).timer = false), one("timer", Fail));
    assert_eq!(ill(|f| machine(f).free_bytes = Some(1)), one("disk", Fail));
    assert_eq!(ill(|f| machine(f).at_secs += 61.0), one("clock-skew", Fail));
    assert_eq!(ill(|f| machine(f).at_secs -= 3.0), one("clock-skew", Warn));
    assert_eq!(ill(|f| machine(f).provider = Some("tcp".to_owned())), one("provider", Fail));
    let error = |f: &mut Facts| machine(f).cloud_init = Some("error".to_owned());
    assert_eq!(ill(error), one("cloud-init", Fail));
    assert_eq!(ill(|f| tag(first(f), "nixl:endpoint", "1:tcp:AAAA")), one("provider", Fail));
    assert_eq!(
        ill(|f| first(f).instance_type = "g5.12xlarge".to_owned())[0],
        ("rdma".to_owned(), Warn)
    );
    assert_eq!(ill(|f| f.policy = Ok(None)), one("node-policy", Fail));
    assert_eq!(ill(|f| f.policy = Ok(Some("{}".to_owned()))), one("node-policy", Warn));
    assert_eq!(ill(|f| f.tracking_role = Ok(None)), one("mlflow-role", Fail));
    assert_eq!(ill(|f| first(f).state = "stopped".to_owned()), one("instance", Fail));
    let plain = |f: &mut Facts| first(f).interfaces[0].interface_type = "interface".to_owned();
    assert_eq!(ill(plain), one("interfaces", Fail));
    let deaf = |f: &mut Facts, ping: Option<&str>| {
        let agents = f.agents.as_mut().unwrap();
        match ping {
            Some(ping) => _ = agents.insert("i-0".to_owned(), ping.to_owned()),
            None => _ = agents.remove("i-0"),
        }
        f.says.remove("i-0");
    };
    assert_eq!(ill(|f| deaf(f, Some("ConnectionLost"))), one("ssm", Fail));
    assert_eq!(ill(|f| deaf(f, None)), one("ssm", Fail));
    let young = |f: &mut Facts| {
        deaf(f, None);
        first(f).launch_time = Some("2026-11-28T11:59:00Z".to_owned());
    };
    assert_eq!(ill(young), one("ssm", Warn));
    let alone = |f: &mut Facts| tag(first(f), "nixl:state", "1:degraded:pair.peer_lost:9");
    assert_eq!(ill(alone), one("pairing", Fail));
}

/// Name and verdict of what is said of the pairing of both nodes.
fn pairs(facts: &Facts) -> Vec<(String, Verdict)> {
    let of_pairs = |check: &Check| ["daemon", "pairing", "link"].contains(&check.name.as_str());
    let checks = diagnose(facts).checks.into_iter().filter(of_pairs);
    checks.map(|check| (check.name, check.verdict)).collect()
}

#[test]
fn a_cause_is_one_failure_and_what_follows_from_it_names_it() {
    let mut facts = healthy();
    for node in facts.instances.as_mut().unwrap() {
        tag(node, "nixl:state", "1:degraded:pair.peer_lost:9");
    }
    machine(&mut facts).unit = "inactive".to_owned();
    facts.says.get_mut("i-0").unwrap().as_mut().unwrap().link = None;
    let (fail, pass, skip) = (Verdict::Fail, Verdict::Pass, Verdict::Skip);
    let told = [
        ("daemon", fail),
        ("daemon", pass),
        ("pairing", skip),
        ("link", skip),
        ("pairing", skip),
        ("link", skip),
    ];
    assert_eq!(pairs(&facts), told.map(|(name, verdict)| (name.to_owned(), verdict)));
    let checks = diagnose(&facts).checks;
    let daemon = checks.iter().find(|check| check.name == "daemon").unwrap();
    let start = "`nixl-launch exec --node nixl-node1 -- systemctl start nixl-noded.socket nixl-noded.service`";
    assert_eq!(daemon.fix.as_deref(), Some(start));
    for pairing in checks.iter().filter(|check| check.name == "pairing") {
        assert_eq!(pairing.found, "not looked at: daemon of nixl-node1 comes first");
    }
    let closed = |f: &mut Facts| {
        f.groups.as_mut().unwrap()[0].self_egress = false;
        tag(first(f), "nixl:state", "1:failed:pair.unreachable:9");
    };
    assert_eq!(ill(closed), one("self-egress", Verdict::Fail));
    let without_role = |f: &mut Facts| {
        first(f).profile_arn = None;
        f.agents.as_mut().unwrap().remove("i-0");
        f.says.remove("i-0");
    };
    assert_eq!(ill(without_role), one("node-profile", Verdict::Fail));
}

#[test]
fn a_way_out_is_where_the_route_leads() {
    let route = |target: Option<&str>| {
        let Known::Value(mut tables) = healthy().known.routes else { return Known::default() };
        tables[0].default_target = target.map(str::to_owned);
        Known::Value(tables)
    };
    assert_eq!(ill(|f| f.known.routes = route(None)), one("way-out", Verdict::Warn));
    let private = |f: &mut Facts| {
        f.instances.as_mut().unwrap().iter_mut().for_each(|node| node.public_ip = None);
    };
    assert_eq!(ill(private), one("way-out", Verdict::Warn));
    let nat = |f: &mut Facts| {
        private(f);
        f.known.routes = route(Some("nat-1"));
    };
    assert_eq!(ill(nat), []);
}

#[test]
fn what_may_not_be_read_is_a_warning_and_hides_nothing_else() {
    let denied = || error("AccessDenied");
    assert_eq!(ill(|f| f.placement = Err(denied())), one("placement-group", Verdict::Warn));
    assert_eq!(ill(|f| f.agents = Err(denied())), one("ssm", Verdict::Warn));
    assert_eq!(ill(|f| f.instances = Err(denied())), one("nodes", Verdict::Warn));
    assert_eq!(ill(|f| f.role = Err(denied())), one("role", Verdict::Warn));
}

/// Names of what has drifted.
fn drifted(change: impl FnOnce(&mut Facts)) -> Vec<String> {
    let mut facts = healthy();
    change(&mut facts);
    let (nodes, groups) = (facts.instances.unwrap(), facts.groups.unwrap());
    let found = drift(&Seen {
        cluster: &facts.cluster,
        region: &facts.region,
        nodes: &nodes,
        groups: &groups,
        scheduled: &facts.scheduled,
        says: &facts.says,
        now: facts.now,
    });
    found
        .into_iter()
        .map(|check| {
            assert!(check.fix.is_some(), "{check:?}");
            check.name
        })
        .collect()
}

#[test]
fn a_drift_is_named_and_none_is_silence() {
    let options = |f: &mut Facts, change: fn(&mut MetadataOptions)| {
        change(first(f).metadata.as_mut().unwrap());
    };
    let group = |f: &mut Facts, change: fn(&mut SecurityGroup)| {
        change(&mut f.groups.as_mut().unwrap()[0]);
    };
    assert!(drifted(|_| ()).is_empty());
    assert_eq!(drifted(|f| group(f, |it| it.self_ingress = false)), ["self-ingress"]);
    assert_eq!(drifted(|f| group(f, |it| it.self_egress = false)), ["self-egress"]);
    assert_eq!(drifted(|f| f.groups.as_mut().unwrap().clear()), ["security-group"]);
    assert_eq!(drifted(|f| first(f).placement_group = None), ["placement-group"]);
    let end = |f: &mut Facts| tag(first(f), "nixl:expires-at", "2026-11-29T00:00:00Z");
    assert_eq!(drifted(end), ["end", "timer"]);
    assert_eq!(drifted(|f| machine(f).timer = false), ["timer"]);
    assert_eq!(drifted(|f| f.scheduled = Ok(Default::default())), ["schedule"]);
    assert!(drifted(|f| f.scheduled = Err(error("AccessDenied"))).is_empty());
    assert_eq!(drifted(|f| first(f).instance_type = "g5.12xlarge".to_owned()), ["instance-type"]);
    assert_eq!(drifted(|f| first(f).profile_arn = None), ["node-profile"]);
    let other = "arn:aws:iam::123456789012:instance-profile/other";
    assert_eq!(drifted(|f| first(f).profile_arn = Some(other.to_owned())), ["node-profile"]);
    assert_eq!(drifted(|f| options(f, |it| it.endpoint = false)), ["imds"]);
    assert_eq!(drifted(|f| options(f, |it| it.tags = false)), ["imds"]);
    assert_eq!(drifted(|f| options(f, |it| it.tokens_required = false)), ["imds"]);
    assert_eq!(drifted(|f| first(f).interfaces[0].group_ids.clear()), ["membership"]);
    assert!(drifted(|f| first(f).state = "shutting-down".to_owned()).is_empty());
}

#[test]
fn doctor_names_what_a_node_drifted_to() {
    assert_eq!(ill(|f| first(f).profile_arn = None), one("node-profile", Verdict::Fail));
    let tokens = |f: &mut Facts| first(f).metadata.as_mut().unwrap().tokens_required = false;
    assert_eq!(ill(tokens), one("imds", Verdict::Warn));
}
