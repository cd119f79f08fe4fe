//! What docs/growing.md tells a person to do, by the AWS CLI.

use anyhow::{Context, Result, ensure};
use nixl_tests::Region;
use serde_json::Value;

const EMIT: &[&str] = &["emit", "launch-template", "--provider=tcp", "--no-mlflow"];

pub struct Cloud<'a> {
    pub region: &'a Region,
}

impl Cloud<'_> {
    /// Answer of the AWS CLI; null where it says nothing.
    pub fn aws(&self, args: &[&str]) -> Result<Value> {
        let text = self.region.venv_program("aws").ok(&[args, &["--output", "json"]].concat())?;
        Ok(if text.trim().is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }

    /// Role, instance profile and security group of the nodes.
    pub fn ground(&self) -> Result<()> {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let emit = ["emit", "node-policy", "--provider=tcp", "--no-mlflow"];
        let policy = self.region.program("nixl-launch").ok(&emit)?;
        let role = ["--role-name=nixl-node-us-east-1"];
        let profile = ["--instance-profile-name=nixl-node-us-east-1"];
        let ours = ["--tags", "Key=nixl:cluster,Value=nixl"];
        let trust = ["--assume-role-policy-document", trust];
        let policy = ["--policy-name=nixl-node", "--policy-document", &policy];
        let iam = |operation: &str, args: &[&[&str]]| {
            self.aws(&[&["iam", operation], args.concat().as_slice()].concat())
        };
        iam("create-role", &[&role, &ours, &trust])?;
        iam("put-role-policy", &[&role, &policy])?;
        iam("create-instance-profile", &[&profile, &ours])?;
        iam("add-role-to-instance-profile", &[&profile, &role])?;
        let vpc =
            self.aws(&["ec2", "describe-vpcs", "--filters", "Name=is-default,Values=true"])?;
        let vpc = vpc["Vpcs"][0]["VpcId"].as_str().context("no default VPC")?.to_owned();
        let made = self.aws(&[
            "ec2",
            "create-security-group",
            "--group-name=nixl-fabric",
            "--description=nixl fabric",
            "--vpc-id",
            &vpc,
            "--tag-specifications",
            "ResourceType=security-group,Tags=[{Key=nixl:cluster,Value=nixl}]",
        ])?;
        let group = made["GroupId"].as_str().context("no group")?;
        let itself = format!("IpProtocol=-1,UserIdGroupPairs=[{{GroupId={group}}}]");
        for way in ["authorize-security-group-ingress", "authorize-security-group-egress"] {
            self.aws(&["ec2", way, "--group-id", group, "--ip-permissions", &itself])?;
        }
        Ok(())
    }

    /// Emits it, makes it, and finds it as it was made.
    pub fn launch_template(&self, size: usize) -> Result<()> {
        let nodes = format!("--nodes={size}");
        let emit = || self.region.program("nixl-launch").ok(&[EMIT, &[nodes.as_str()]].concat());
        let text = emit()?;
        ensure!(text == emit()?, "the template is not the same twice");
        let file = self.region.state_dir().join("launch-template.json");
        std::fs::write(&file, &text)?;
        let input = format!("file://{}", file.display());
        self.aws(&["ec2", "create-launch-template", "--cli-input-json", &input])?;
        let asked: Value = serde_json::from_str(&text)?;
        let shown = self.aws(&[
            "ec2",
            "describe-launch-template-versions",
            "--launch-template-name=nixl",
            "--versions=$Latest",
        ])?;
        let shown = &shown["LaunchTemplateVersions"][0]["LaunchTemplateData"];
        let asked = &asked["LaunchTemplateData"];
        ensure!(shown == asked, "EC2 shows {shown:#} for {asked:#}");
        Ok(())
    }

    /// One instance from the template; its id.
    pub fn launch(&self) -> Result<String> {
        let from = ["--launch-template", "LaunchTemplateName=nixl", "--count=1"];
        let made = self.aws(&[&["ec2", "run-instances"], &from[..]].concat())?;
        Ok(made["Instances"][0]["InstanceId"].as_str().context("no instance")?.to_owned())
    }

    pub fn terminate(&self, id: &str) -> Result<()> {
        self.aws(&["ec2", "terminate-instances", "--instance-ids", id]).map(drop)
    }

    /// With the node's own credentials: it may write its claim, and no rank.
    pub fn rank_is_not_the_nodes(&self, id: &str) -> Result<()> {
        let node = self.region.venv_program("aws").env(&self.credentials(id)?);
        let tag = |key: &str, value: &str| {
            let tag = format!("Key={key},Value={value}");
            node.run(&["ec2", "create-tags", "--resources", id, "--tags", &tag])
        };
        let filter = format!("Name=resource-id,Values={id}");
        let told = self.aws(&["ec2", "describe-tags", "--filters", &filter])?;
        let mut written = told["Tags"].as_array().into_iter().flatten();
        let claim = written.find(|tag| tag["Key"] == "nixl:claim").context("no claim")?;
        let same = tag("nixl:claim", claim["Value"].as_str().unwrap_or_default())?;
        ensure!(same.code == 0, "{same}");
        let rank = tag("nixl:rank", "0")?;
        ensure!(rank.code != 0 && rank.stderr.contains("UnauthorizedOperation"), "{rank}");
        Ok(())
    }

    /// Of the node's role, from its metadata service, as environment variables.
    fn credentials(&self, id: &str) -> Result<Vec<(String, String)>> {
        let script = "base=http://169.254.169.254/latest; \
            token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $base/api/token); \
            get() { curl -sf -H \"X-aws-ec2-metadata-token: $token\" $base/meta-data/iam/security-credentials/$1; }; \
            get $(get)";
        let told: Value = serde_json::from_str(&self.region.exec_ok(id, &["sh", "-c", script])?)?;
        let variables = [
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "Token"),
        ];
        let value = |(variable, member): (&str, &str)| {
            let value = told[member].as_str().with_context(|| format!("no {member}"))?;
            Ok((variable.to_owned(), value.to_owned()))
        };
        variables.into_iter().map(value).collect()
    }

    /// Everything that was made by hand: with the cluster's tag it counts as its own.
    pub fn remove(&self) -> Result<()> {
        self.aws(&["ec2", "delete-launch-template", "--launch-template-name=nixl"])?;
        let down = self.region.program("nixl-launch").run(&["down"])?;
        ensure!(down.code == 0 && down.stdout.contains("cluster nixl is gone"), "{down}");
        Ok(())
    }
}
