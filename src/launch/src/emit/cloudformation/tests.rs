//! A stack is what the plan says.

use super::*;
use crate::emit::tests::{plan_for, plan_with_app, there};
use crate::plan::UNKNOWN_APP;
use crate::plan::catalogue::{GOLDEN_TYPES, golden};
use nixl_aws::ec2::{Market, SecurityGroup};
use nixl_cluster::tag;
use std::collections::BTreeMap;
use std::process::Command;

fn template(plan: &Plan) -> Value {
    serde_json::from_str(&cloudformation(plan).unwrap()).unwrap()
}

fn of_kind<'a>(template: &'a Value, kind: &str) -> Vec<&'a Value> {
    let resources = template["Resources"].as_object().unwrap().values();
    resources.filter(|it| it["Type"] == kind).map(|it| &it["Properties"]).collect()
}

fn tags(said: &Value) -> BTreeMap<String, Value> {
    let tags = said.as_array().unwrap().iter();
    tags.map(|tag| (tag["Key"].as_str().unwrap().to_owned(), tag["Value"].clone())).collect()
}

/// One that stands for its launch template: the text of it with references.
fn text(joined: &Value) -> String {
    let parts = joined["Fn::Base64"]["Fn::Join"].as_array().unwrap();
    let lines: Vec<&str> = parts[1].as_array().unwrap().iter().flat_map(Value::as_str).collect();
    lines.join(parts[0].as_str().unwrap())
}

#[test]
fn stacks_are_those_of_the_golden_files() {
    for name in ["g6.12xlarge", "p4d.24xlarge"] {
        let plan = plan_for(name);
        let text = cloudformation(&plan).unwrap();
        assert_eq!(text, cloudformation(&plan).unwrap());
        let mut document = template(&plan);
        for resource in document["Resources"].as_object_mut().unwrap().values_mut() {
            if resource["Type"] == "AWS::EC2::LaunchTemplate" {
                resource["Properties"]["LaunchTemplateData"]["UserData"] = "user data".into();
            }
        }
        golden(&format!("emit-cloudformation-{name}.json"), &format!("{document:#}\n"));
    }
}

#[test]
fn nodes_are_started_as_the_plan_says() {
    for name in GOLDEN_TYPES {
        let mut plan = plan_for(name);
        (plan.spec.size, plan.spec.prefill) = (3, Some(1));
        let request = plan.request(&plan.attempts[0], "sg-1", "");
        let template = template(&plan);
        let nodes = of_kind(&template, "AWS::EC2::Instance");
        assert_eq!(nodes.len(), 3);
        for (rank, node) in nodes.iter().enumerate() {
            let of = node["LaunchTemplate"]["LaunchTemplateId"]["Ref"].as_str().unwrap();
            let data = &template["Resources"][of]["Properties"]["LaunchTemplateData"];
            assert_eq!(data["InstanceType"], name);
            assert_eq!(data["ImageId"], request.image_id);
            let said = data["NetworkInterfaces"].as_array().unwrap();
            assert_eq!(said.len(), request.network_interfaces.len());
            for (said, spec) in said.iter().zip(&request.network_interfaces) {
                assert_eq!(said["NetworkCardIndex"], spec.card_index);
                assert_eq!(said["DeviceIndex"], spec.device_index);
                let made = said["NetworkInterfaceId"]["Ref"].as_str();
                let at = match made {
                    Some(made) => &template["Resources"][made]["Properties"],
                    None => said,
                };
                assert_eq!(at["InterfaceType"], spec.interface_type);
                assert_eq!(at["SubnetId"], spec.subnet_id);
                let groups = &at[if made.is_some() { "GroupSet" } else { "Groups" }];
                assert_eq!(*groups, json!([{ "Fn::GetAtt": [GROUP, "GroupId"] }]));
            }
            let tags = tags(&node["Tags"]);
            for tag in &request.tags {
                assert_eq!(tags[&tag.key], tag.value);
            }
            assert_eq!(tags[tag::RANK], rank.to_string());
            assert_eq!(tags[tag::ROLE], if rank == 0 { "prefill" } else { "decode" });
            assert_eq!(tags[tag::NAME], plan.spec.cluster.node(rank.try_into().unwrap()));
            let told = text(&data["UserData"]);
            assert!(told.contains("membership = \"tag\"") && told.contains("ttl_secs = "));
            assert!(told.ends_with("\n"));
        }
        assert_eq!(of_kind(&template, "AWS::Scheduler::Schedule").len(), 3);
    }
}

/// `down` finds by the tag of the cluster, or by name and that tag.
#[test]
fn all_that_can_carry_a_tag_carries_the_clusters() {
    const UNTAGGED: [&str; 6] = [
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::EIPAssociation",
        "AWS::Scheduler::Schedule",
        "AWS::IAM::InstanceProfile",
        "AWS::S3::BucketPolicy",
    ];
    let plan = plan_for("p4d.24xlarge");
    let template = template(&plan);
    for (id, resource) in template["Resources"].as_object().unwrap() {
        let kind = resource["Type"].as_str().unwrap();
        let said = &resource["Properties"];
        let said = match kind {
            "AWS::EC2::LaunchTemplate" => &said["TagSpecifications"][0]["Tags"],
            _ if UNTAGGED.contains(&kind) => continue,
            _ => &said["Tags"],
        };
        assert_eq!(tags(said)[tag::CLUSTER], "nixl", "{id}");
    }
    let roles = of_kind(&template, "AWS::IAM::Role");
    for (name, policy) in &plan.policies {
        let role = roles.iter().find(|role| role["RoleName"] == **name).unwrap();
        assert_eq!(role["Policies"][0]["PolicyDocument"], *policy);
    }
    assert_eq!(roles.len(), plan.policies.len() + 1, "and the schedules' own");
}

#[test]
fn a_market_and_a_reservation_are_said() {
    let mut plan = plan_for("p5.48xlarge");
    let data = |plan: &Plan| {
        let template = template(plan);
        let data = of_kind(&template, "AWS::EC2::LaunchTemplate")[0]["LaunchTemplateData"].clone();
        (template, data)
    };
    let (template, of) = data(&plan);
    assert_eq!(of["Placement"], json!({ "GroupName": { "Ref": PLACEMENT } }));
    assert_eq!(of_kind(&template, "AWS::EC2::PlacementGroup").len(), 1);
    assert!(of.get("InstanceMarketOptions").is_none());

    plan.attempts[0].market = Market::CapacityBlock;
    plan.attempts[0].reservation_id = Some("cr-1".to_owned());
    plan.attempts[0].placement_group = None;
    let (template, of) = data(&plan);
    assert!(of_kind(&template, "AWS::EC2::PlacementGroup").is_empty());
    assert_eq!(of["InstanceMarketOptions"], json!({ "MarketType": "capacity-block" }));
    let target = &of["CapacityReservationSpecification"]["CapacityReservationTarget"];
    assert_eq!(*target, json!({ "CapacityReservationId": "cr-1" }));
    assert!(of.get("Placement").is_none());

    plan.attempts[0].market = Market::Spot;
    let (_, of) = data(&plan);
    let kinds: Vec<&Value> =
        of["TagSpecifications"].as_array().unwrap().iter().map(|it| &it["ResourceType"]).collect();
    assert!(kinds.contains(&&json!("spot-instances-request")));
}

#[test]
fn what_a_stack_cannot_have_is_refused() {
    let mut plan = plan_for("g6.12xlarge");
    plan.spec.size = 300;
    let error = cloudformation(&plan).unwrap_err();
    assert!(matches!(error, EmitError::TooManyResources { most: 500, .. }), "{error}");
    plan.spec.size = 2;
    plan.security_group = Some(SecurityGroup::default());
    assert!(matches!(cloudformation(&plan), Err(EmitError::There { .. })));
    plan.security_group = None;
    plan.existing = Existing::Complete(Vec::new());
    assert!(matches!(cloudformation(&plan), Err(EmitError::There { .. })));
}

#[test]
fn a_stack_without_end_and_without_mlflow_is_smaller() {
    let mut plan = plan_for("g6.12xlarge");
    plan.spec.ttl_secs = None;
    plan.tracking.attach();
    let template = template(&plan);
    assert!(template.get("Parameters").is_none());
    let kinds = template["Resources"].as_object().unwrap().values();
    let kinds: Vec<&str> = kinds.map(|it| it["Type"].as_str().unwrap()).collect();
    assert!(!kinds.iter().any(|kind| kind.contains("Scheduler") || kind.contains("SageMaker")));
    assert_eq!(of_kind(&template, "AWS::IAM::Role").len(), 1);
}

/// Only the stack knows the App's ARN, in every place where nodes are told of it.
#[test]
fn a_stack_makes_an_app_and_tells_its_nodes_of_it() {
    for name in ["g6.12xlarge", "p4d.24xlarge"] {
        let mut plan = plan_with_app(name);
        plan.spec.kms_key = Some("arn:k".to_owned());
        let text = cloudformation(&plan).unwrap();
        assert!(!text.contains(UNKNOWN_APP), "{text}");
        let template = template(&plan);
        let arn = json!({ "Fn::GetAtt": ["MlflowApp", "Arn"] });
        let app = of_kind(&template, "AWS::SageMaker::MlflowApp")[0];
        assert_eq!(app["Name"], "nixl-mlflow");
        assert_eq!(tags(&app["Tags"])[tag::CLUSTER], "nixl");
        for node in of_kind(&template, "AWS::EC2::Instance") {
            assert_eq!(tags(&node["Tags"])[keys::TRACKING_ARN], arn);
        }
        for of in of_kind(&template, "AWS::EC2::LaunchTemplate") {
            let joined = &of["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Join"];
            let lines = joined[1].as_array().unwrap().iter();
            let told: Vec<_> = lines.filter(|line| line.is_object()).collect();
            let said = "  mlflow_tracking_arn = \"${MlflowApp.Arn}\"";
            assert!(told.len() == 1 && told[0]["Fn::Sub"].as_str().unwrap().ends_with(said.trim()));
        }
        let roles = of_kind(&template, "AWS::IAM::Role");
        let policies: Vec<&Value> =
            roles.iter().map(|role| &role["Policies"][0]["PolicyDocument"]["Statement"]).collect();
        let opened = policies.iter().filter_map(|it| it.as_array()).flatten();
        assert_eq!(opened.filter(|statement| statement["Resource"] == arn).count(), 1);
    }
}

#[test]
fn a_bucket_of_a_stack_has_its_key() {
    let mut plan = plan_for("g6.12xlarge");
    let Tracking::Server { store, .. } = &mut plan.tracking else { panic!() };
    store.kms_key = Some("arn:k".to_owned());
    let template = template(&plan);
    let bucket = of_kind(&template, "AWS::S3::Bucket")[0];
    let rule = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
    assert_eq!(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"], "arn:k");
    assert_eq!(rule["BucketKeyEnabled"], true);
    assert_eq!(tags(&bucket["Tags"])[keys::KMS_KEY], "arn:k", "so `up` goes on with it");
}

/// AWS's resource schemas (`NIXL_CFN_LINT` names the program), of one card and of
/// several: it takes a second for each template.
#[test]
fn cfn_lint_finds_nothing() {
    let program = std::env::var("NIXL_CFN_LINT").unwrap_or_else(|_| "cfn-lint".to_owned());
    if !there(&program) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(&program);
    command.args(["--include-checks", "I", "--"]);
    for name in ["g6.12xlarge", "p4d.24xlarge", "p5.48xlarge"] {
        for ends in [true, false] {
            let mut plan = plan_for(name);
            if !ends {
                plan = plan_with_app(name);
                plan.spec.ttl_secs = None;
                (plan.attempts[0].market, plan.attempts[0].reservation_id) =
                    (Market::CapacityBlock, Some("cr-0123456789abcdef0".to_owned()));
                plan.attempts[0].placement_group = None;
            }
            let path = folder.path().join(format!("{name}-{ends}.json"));
            let mut text = cloudformation(&plan).unwrap();
            // The facts' ids are short; cfn-lint knows the form of EC2's.
            for (id, kind) in [
                (plan.attempts[0].place.subnet_id.as_str(), "subnet"),
                (&plan.vpc_id, "vpc"),
                ("ami-new", "ami"),
            ] {
                text = text.replace(id, &format!("{kind}-0123456789abcdef0"));
            }
            std::fs::write(&path, text).unwrap();
            command.arg(path);
        }
    }
    let judged = command.output().unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}
