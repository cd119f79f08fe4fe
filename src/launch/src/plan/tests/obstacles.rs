//! What stands in the way of a launch, or is worth a word before it.

use super::*;

#[test]
fn every_obstacle_is_named_at_once() {
    let mut facts = facts();
    facts.images.clear();
    facts.types[0].info.efa_supported = false;
    facts.types[0].info.placement_strategies.clear();
    let found = refused(&Spec { zones: vec!["us-east-1c".to_owned()], ..spec() }, &facts);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].1.contains("nixl-bake build"));
    assert!(found.iter().any(|it| it.1.contains("us-east-1a, us-east-1b")));
}

#[test]
fn an_image_for_another_architecture_is_refused() {
    let mut facts = facts();
    facts.images.iter_mut().for_each(|image| image.architecture = "arm64".to_owned());
    assert_eq!(refused(&spec(), &facts)[0].0, "architecture");
}

#[test]
fn what_only_has_our_name_is_left_alone() {
    let mut facts = facts();
    facts.node_role = Some(Role { name: "nixl-node-us-east-1".to_owned(), ..Default::default() });
    facts.security_groups = vec![SecurityGroup {
        id: "sg-9".to_owned(),
        name: "nixl-fabric".to_owned(),
        vpc_id: "vpc-1".to_owned(),
        tags: vec![Tag::new(tag::CLUSTER, "other")],
        ..Default::default()
    }];
    let found = refused(&spec(), &facts);
    assert!(found.iter().all(|it| it.0 == "ownership"), "{found:?}");
    assert_eq!(found.len(), 2);
}

#[test]
fn a_bucket_without_its_record_is_foreign() {
    let mut facts = facts();
    facts.tracking.bucket = Some(Vec::new());
    assert!(refused(&spec(), &facts)[0].1.starts_with("S3 bucket"));
    facts.tracking.bucket = Some(vec![Tag::new(tag::CLUSTER, "other")]);
    assert!(refused(&spec(), &facts)[0].1.starts_with("S3 bucket"));
    facts.tracking.bucket = Some(owner_tags(&spec().cluster));
    assert!(ready(&spec(), &facts).tracking.is_unknown(), "its own tags are a record, too");
}

/// A bucket keeps the key that what is in it is encrypted with.
#[test]
fn a_key_is_of_the_buckets_region_and_stays_with_the_bucket() {
    let key = |region: &str, id: &str| format!("arn:aws:kms:{region}:123456789012:key/{id}");
    let with = |key: &str| Spec { kms_key: Some(key.to_owned()), ..spec() };
    let mut facts = facts();
    let (here, other) = (key("us-east-1", "a"), key("us-east-1", "b"));
    let kept = |spec: &Spec, facts: &Facts| ready(spec, facts).tracking.store().unwrap().clone();
    assert_eq!(kept(&with(&here), &facts).kms_key.as_ref(), Some(&here));
    assert!(refused(&with(&key("eu-west-1", "a")), &facts)[0].1.contains("is in eu-west-1"));
    facts.tracking.bucket = Some(owner_tags(&spec().cluster));
    assert_eq!(kept(&with(&here), &facts).kms_key.as_ref(), Some(&here), "S3's keys give way");
    facts.tracking.bucket = Some(bucket_tags(None, &spec().cluster, Some(&here)));
    assert_eq!(kept(&spec(), &facts).kms_key.as_ref(), Some(&here), "it is not given up");
    assert!(refused(&with(&other), &facts)[0].1.contains(&here));
    facts.tracking.found = Some(Mlflow { arn: "arn:other".to_owned(), ..Default::default() });
    let server = Spec { mlflow: Wanted::Server(WantedServer::default()), ..with(&here) };
    assert!(refused(&server, &facts)[0].1.contains("somebody else's"));
}

#[test]
fn somebodys_tracking_server_is_attached_and_a_broken_one_refused() {
    let mut facts = facts();
    let server = |status: &str| {
        let arn = "arn:other".to_owned();
        Some(Mlflow { arn, status: status.to_owned(), ..Default::default() })
    };
    facts.tracking.found = server("Created");
    let spec = Spec { mlflow: Wanted::Server(WantedServer::default()), ..spec() };
    let attached = ready(&spec, &facts).tracking;
    assert!(matches!(attached, Tracking::Attach { arn, .. } if arn == "arn:other"));
    facts.tracking.found = server("CreateFailed");
    assert_eq!(refused(&spec, &facts)[0].0, "mlflow");
}

#[test]
fn nodes_that_are_there_are_whole_or_in_the_way() {
    let judge = |instances: Vec<Instance>, size| {
        let facts = Facts { instances, ..facts() };
        let plan = plan(&Spec { size, ..spec() }, &facts);
        plan.ready().map(|()| plan)
    };
    let whole = judge(vec![node(1, "running", 2), node(0, "pending", 2)], 2).unwrap();
    assert!(matches!(whole.existing, Existing::Complete(nodes) if nodes[0].launch_index == 0));
    let ended = judge(vec![node(0, "terminated", 2), node(1, "terminated", 2)], 2).unwrap();
    assert_eq!(ended.existing, Existing::None);
    for half in [
        vec![node(0, "running", 2)],
        vec![node(0, "running", 2), node(1, "terminated", 2)],
        vec![node(0, "running", 2), node(1, "stopped", 2)],
        vec![node(0, "shutting-down", 2)],
    ] {
        let checks = judge(half, 2).unwrap_err();
        assert!(checks.0.len() == 1 && checks.to_string().contains("is not whole"), "{checks}");
        assert!(checks.to_string().contains("nixl-launch down"));
    }
    let other = judge(vec![node(0, "running", 2), node(1, "running", 2)], 3).unwrap_err();
    assert!(other.to_string().contains("2 nodes, 3 are asked for"), "{other}");
}

#[test]
fn nodes_of_a_stack_are_changed_in_the_stack() {
    let nodes = (0..2).map(|index| {
        let mut node = node(index, "running", 2);
        node.reservation_id = format!("r-{index}");
        node.tags.push(nixl_aws::Tag::new(crate::keys::STACK, "mine"));
        node
    });
    let told = refused(&spec(), &Facts { instances: nodes.collect(), ..facts() });
    assert!(told[0].1.contains("made by CloudFormation stack mine"), "{told:?}");
}

#[test]
fn flags_without_effect_are_noted() {
    let facts = Facts { instances: vec![node(0, "running", 2), node(1, "running", 2)], ..facts() };
    let spec = Spec { provider: Provider::Tcp.into(), prefill: Some(1), ..spec() };
    let notes = warned(&ready(&spec, &facts), "nodes");
    assert_eq!(notes.len(), 2);
    assert!(notes[0].contains("--provider tcp has no effect"));
    assert!(notes[1].contains("there with no roles; --roles prefill=1,decode=1 has no effect"));
}

#[test]
fn a_type_without_rdma_is_noted() {
    let mut facts = facts();
    facts.types[0].info.name = "g5.12xlarge".to_owned();
    let spec = Spec { instance_types: vec!["g5.12xlarge".to_owned()], ..spec() };
    assert!(warned(&ready(&spec, &facts), "rdma")[0].contains("no RDMA read or write"));
}

#[test]
fn a_server_made_with_our_role_is_ours_and_no_other() {
    let mut facts = facts();
    let role = Role {
        name: "nixl-mlflow".to_owned(),
        arn: "arn:role".to_owned(),
        tags: vec![
            Tag::new(tag::CLUSTER, "nixl"),
            Tag::new(keys::TRACKING_SERVER, "nixl-efa-mlflow"),
        ],
    };
    facts.tracking.role = Some(role);
    let server = |role_arn: &str| Mlflow {
        arn: "arn:server".to_owned(),
        status: "Created".to_owned(),
        role_arn: role_arn.to_owned(),
        ..Default::default()
    };
    facts.tracking.found = Some(server("arn:role"));
    assert!(matches!(ready(&spec(), &facts).tracking, Tracking::Server { .. }));
    facts.tracking.found = Some(server("arn:other"));
    assert!(matches!(ready(&spec(), &facts).tracking, Tracking::Attach { .. }));
}

#[test]
fn a_volume_that_outlives_its_node_is_noted() {
    let mut facts = facts();
    let volume = |facts: &Facts| warned(&ready(&spec(), facts), "root-volume");
    assert!(volume(&facts).is_empty());
    facts.images[1].root_volume.as_mut().unwrap().delete_on_termination = false;
    assert!(volume(&facts)[0].contains("100 GiB gp3 on /dev/xvda stays, and costs"));
    facts.images[1].root_volume = None;
    assert!(volume(&facts)[0].contains("no EBS volume"));
}

#[test]
fn a_zone_that_is_not_there_is_told_from_one_that_lacks_the_type() {
    let zone = |zone: &str| {
        let asked = Spec { zones: vec![zone.to_owned()], ..spec() };
        refused(&asked, &facts()).remove(0).1
    };
    let text = zone("us-east-1c");
    assert!(text.contains("the type is not offered there") && !text.contains("mean"), "{text}");
    let text = zone("us-east-1x");
    assert!(
        text.contains("us-east-1 has no such zone; possible: us-east-1a, us-east-1b"),
        "{text}"
    );
}

#[test]
fn of_several_apps_all_runs_take_the_one_that_nodes_know_or_the_oldest() {
    let app = |arn: &str, status: &str, created_secs| Mlflow {
        kind: nixl_aws::sagemaker::Kind::App,
        arn: arn.to_owned(),
        is_active: status == "Created",
        status: status.to_owned(),
        created_secs,
        ..Default::default()
    };
    let mut facts = facts();
    let taken = |facts: &Facts| ready(&spec(), facts).tracking.arn().unwrap().to_owned();
    assert!(taken(&facts).ends_with(UNKNOWN_APP));
    facts.tracking.apps = vec![
        app("arn:young", "Creating", 3),
        app("arn:old", "Created", 2),
        app("arn:going", "Deleting", 1),
        app("arn:bad", "CreateFailed", 0),
    ];
    assert_eq!(taken(&facts), "arn:old");
    let mut told = node(0, "running", 1);
    told.tags.push(Tag::new(keys::TRACKING_ARN, "arn:young"));
    facts.instances = vec![told];
    let tracking = plan(&spec(), &facts).tracking;
    assert_eq!(tracking.arn(), Some("arn:young"));
    facts.instances.clear();
    facts.tracking.apps.drain(..2);
    assert_eq!(refused(&spec(), &facts)[0].0, "mlflow", "one that failed is told");
    facts.tracking.apps.pop();
    assert!(taken(&facts).ends_with(UNKNOWN_APP), "one that goes is made anew");
}

#[test]
fn a_server_does_not_take_the_place_of_an_app() {
    let mut facts = facts();
    let tags = vec![Tag::new(tag::CLUSTER, "nixl"), Tag::new(keys::MLFLOW_APP, "nixl-mlflow")];
    facts.tracking.role =
        Some(Role { name: "nixl-mlflow".to_owned(), arn: "arn:role".to_owned(), tags });
    let server = Spec { mlflow: Wanted::Server(WantedServer::default()), ..spec() };
    assert!(refused(&server, &facts)[0].1.contains("MLflow App nixl-mlflow"));
    ready(&spec(), &facts);
}
