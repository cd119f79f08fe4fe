//! What is emitted, beside golden files and the programs that judge it.

use super::*;
use crate::plan::catalogue::{golden, types};
use crate::plan::tests::{facts, ready, spec};
use crate::plan::{Spec, Wanted, WantedServer, client_token};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use nixl_aws::ec2::SecurityGroup;
use nixl_cluster::{Membership, tag};
use std::process::Command;

/// A plan for one type of the catalogue, with short user data.
pub(super) fn plan_for(name: &str) -> Plan {
    let mut facts = facts();
    facts.types[0].info = types().into_iter().find(|info| info.name == name).unwrap();
    let spec = Spec {
        instance_types: vec![name.to_owned()],
        mlflow: Wanted::Server(WantedServer::default()),
        ..spec()
    };
    let mut plan = ready(&spec, &facts);
    plan.user_data = "#cloud-config\n# it's user data\n".to_owned();
    plan
}

/// One whose App is still to be made.
pub(super) fn plan_with_app(name: &str) -> Plan {
    let mut facts = facts();
    facts.types[0].info = types().into_iter().find(|info| info.name == name).unwrap();
    ready(&Spec { instance_types: vec![name.to_owned()], ..spec() }, &facts)
}

/// One card, and several.
const TYPES: [&str; 2] = ["g6.12xlarge", "p4d.24xlarge"];

fn script(plan: &Plan) -> String {
    aws_cli(plan).unwrap()
}

#[test]
fn scripts_are_those_of_the_golden_files() {
    for name in TYPES {
        let text = script(&plan_for(name));
        assert_eq!(text, script(&plan_for(name)));
        let (head, _) = text.split_once("\n# From here on").unwrap();
        golden(&format!("emit-aws-cli-{name}.txt"), &format!("{head}\n"));
    }
}

/// Whether a program is there; under `NIXL_TEST_ALL=1` it has to be.
pub(super) fn there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    assert!(there || std::env::var_os("NIXL_TEST_ALL").is_none(), "{program} is missing");
    if !there {
        eprintln!("skipped: {program} is not there");
    }
    there
}

#[test]
fn shellcheck_finds_nothing_in_a_script() {
    if !there("shellcheck") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let app = ("app", plan_with_app(TYPES[0]));
    for (name, plan) in TYPES.map(|name| (name, plan_for(name))).into_iter().chain([app]) {
        let path = folder.path().join(name);
        std::fs::write(&path, script(&plan)).unwrap();
        let judged = Command::new("shellcheck").arg(&path).output().unwrap();
        assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
    }
}

#[test]
fn a_script_makes_the_programs_tokens() {
    let plan = plan_for("g6.12xlarge");
    let body = script(&plan);
    let part = |from: &str, to: &str| {
        let start = body.find(from).unwrap();
        &body[start..start + body[start..].find(to).unwrap()]
    };
    let record = plan.record(&plan.attempts[0]);
    let text = format!(
        "cluster=nixl generation=0123abcd\n{}client_token '{record}'",
        part("field() {", "record() {")
    );
    let output = Command::new("bash").args(["-c", &text]).output().unwrap();
    let token = client_token(&plan.spec.cluster, "0123abcd", &record);
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), token);
}

#[test]
fn what_a_script_cannot_do_is_refused() {
    let mut plan = plan_for("g6.12xlarge");
    plan.spec.hold = true;
    assert_eq!(aws_cli(&plan), Err(EmitError::Hold));
    plan.spec.hold = false;
    plan.attempts.clear();
    assert_eq!(aws_cli(&plan), Err(EmitError::Nothing));
}

/// A template of four nodes in the cluster's own security group.
fn template(name: &str, membership: Membership, group: Option<&str>) -> serde_json::Value {
    let mut plan = plan_for(name);
    (plan.spec.size, plan.spec.prefill) = (4, Some(1));
    plan.security_group = Some(SecurityGroup { id: "sg-1".to_owned(), ..Default::default() });
    launch_template(&plan, membership, group).unwrap()
}

#[test]
fn launch_templates_are_those_of_the_golden_files() {
    for name in TYPES {
        let mut template = template(name, Membership::Registration, None);
        let data = &mut template["LaunchTemplateData"];
        let text = BASE64.decode(data["UserData"].as_str().unwrap()).unwrap();
        let text = String::from_utf8(text).unwrap();
        for line in ["membership = \"registration\"", "size = 4", "prefill = 1"] {
            assert!(text.contains(line), "{text}");
        }
        // Who launches decides how long nodes live.
        assert!(!text.contains("ttl_secs = "), "{text}");
        data["UserData"] = "user data".into();
        assert!(!template.to_string().contains(tag::TTL_SECS));
        golden(&format!("emit-launch-template-{name}.json"), &format!("{template:#}\n"));
    }
}

#[test]
fn a_launch_template_has_the_group_that_is_named_or_the_clusters() {
    let named = template(TYPES[0], Membership::Tag, Some("sg-2"));
    let interface = &named["LaunchTemplateData"]["NetworkInterfaces"][0];
    assert_eq!(interface["Groups"], serde_json::json!(["sg-2"]));
    let plan = Plan { security_group: None, ..plan_for(TYPES[0]) };
    let error = launch_template(&plan, Membership::Tag, None).unwrap_err();
    assert!(error.to_string().contains("nixl-fabric is not there"), "{error}");
}
