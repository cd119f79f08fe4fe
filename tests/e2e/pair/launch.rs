//! Launching, seeing and removing a pair.

use anyhow::{Context, Result, ensure};
use nixl_tests::Region;
use serde_json::Value;

/// What `up` printed.
pub struct Pair {
    /// Instance ids by rank.
    pub ids: Vec<String>,
    /// ARN of the tracking server.
    pub tracking_arn: String,
}

fn read(told: &Value) -> Result<Pair> {
    let text = |value: &Value, key: &str| -> Result<String> {
        Ok(value[key].as_str().with_context(|| format!("no {key} in {told}"))?.to_owned())
    };
    let nodes = told["nodes"].as_array().with_context(|| format!("no nodes in {told}"))?;
    ensure!(nodes.len() == 2, "{told}");
    for node in nodes {
        text(node, "private_ip")?;
        text(node, "public_ip")?;
        ensure!(node["phase"] == "paired", "{told}");
    }
    Ok(Pair {
        ids: nodes.iter().map(|node| text(node, "instance_id")).collect::<Result<_>>()?,
        tracking_arn: text(&told["tracking"], "arn")?,
    })
}

/// Launches over TCP: machines here have no EFA device.
pub fn up(region: &Region) -> Result<Pair> {
    let up = ["up", "--provider=tcp", "--tracking-server", "--output=json"];
    read(&region.program("nixl-launch").json(&up)?)
}

/// Nothing new is launched.
pub fn again(region: &Region, pair: &Pair) -> Result<()> {
    let second = up(region)?;
    ensure!(second.ids == pair.ids, "{:?} became {:?}", pair.ids, second.ids);
    Ok(())
}

/// The same facts.
pub fn status(region: &Region, pair: &Pair) -> Result<()> {
    let told = read(&region.program("nixl-launch").json(&["status", "--output", "json"])?)?;
    ensure!(told.ids == pair.ids && told.tracking_arn == pair.tracking_arn, "other facts");
    let table = region.program("nixl-launch").ok(&["status"])?;
    ensure!(pair.ids.iter().all(|id| table.contains(id)), "{table}");
    Ok(())
}

/// Describes of the article, by the real client.
pub fn seen_by_the_aws_cli(region: &Region, pair: &Pair) -> Result<()> {
    let aws = region.venv_program("aws");
    let found =
        aws.json(&["ec2", "describe-instances", "--filters", "Name=tag:Name,Values=nixl-node1"])?;
    let instance = &found["Reservations"][0]["Instances"][0];
    ensure!(instance["InstanceId"] == pair.ids[0].as_str(), "{found}");
    ensure!(instance["MetadataOptions"]["HttpTokens"] == "required", "{instance}");
    ensure!(instance["NetworkInterfaces"][0]["InterfaceType"] == "efa", "{instance}");

    let groups = aws.json(&[
        "ec2",
        "describe-security-groups",
        "--filters",
        "Name=tag:nixl:cluster,Values=nixl",
    ])?;
    let group = &groups["SecurityGroups"][0];
    for direction in ["IpPermissions", "IpPermissionsEgress"] {
        let own = group[direction].as_array().into_iter().flatten().any(|rule| {
            rule["IpProtocol"] == "-1" && rule["UserIdGroupPairs"][0]["GroupId"] == group["GroupId"]
        });
        ensure!(own, "no self rule in {direction}: {group}");
    }

    let groups = aws.json(&["ec2", "describe-placement-groups"])?;
    ensure!(groups["PlacementGroups"][0]["Strategy"] == "cluster", "{groups}");

    let listed = aws.json(&["sagemaker", "list-mlflow-tracking-servers"])?;
    let server = &listed["TrackingServerSummaries"][0];
    ensure!(server["TrackingServerArn"] == pair.tracking_arn.as_str(), "{listed}");
    Ok(())
}

/// Takes it down; every describe is empty.
pub fn down(region: &Region) -> Result<()> {
    region.program("nixl-launch").ok(&["down", "--mlflow"])?;
    let aws = region.venv_program("aws");
    let live = "Name=instance-state-name,Values=pending,running,shutting-down,stopping,stopped";
    for (args, key) in [
        (vec!["ec2", "describe-instances", "--filters", live], "Reservations"),
        (vec!["ec2", "describe-placement-groups"], "PlacementGroups"),
        (vec!["ec2", "describe-network-interfaces"], "NetworkInterfaces"),
        (vec!["ec2", "describe-volumes"], "Volumes"),
        (
            vec![
                "ec2",
                "describe-security-groups",
                "--filters",
                "Name=tag-key,Values=nixl:cluster",
            ],
            "SecurityGroups",
        ),
        (vec!["sagemaker", "list-mlflow-tracking-servers"], "TrackingServerSummaries"),
    ] {
        let found = aws.json(&args)?;
        ensure!(found[key].as_array().is_some_and(Vec::is_empty), "{args:?} still shows {found}");
    }
    let roles = aws.json(&["iam", "list-roles"])?;
    let left: Vec<_> = roles["Roles"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|role| role["RoleName"].as_str())
        .filter(|name| {
            ["nixl-node-", "nixl-mlflow-", "nixl-scheduler-"].iter().any(|it| name.starts_with(it))
        })
        .collect();
    ensure!(left.is_empty(), "roles left: {left:?}");
    let buckets = aws.ok(&["s3", "ls"])?;
    ensure!(!buckets.contains("nixl-mlflow"), "bucket left: {buckets}");
    Ok(())
}

/// Down of nothing is no error; status says there is nothing.
pub fn down_again(region: &Region) -> Result<()> {
    region.program("nixl-launch").ok(&["down", "--mlflow"])?;
    region.program("nixl-launch").refused(&["status"], 1, &["nixl"])
}
