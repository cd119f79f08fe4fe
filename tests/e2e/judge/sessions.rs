//! A session client and, where it is installed, AWS's own plugin against a
//! machine of their own.

use anyhow::{Context, Result, ensure};
use nixl_tests::{Region, wait_for};
use std::time::Duration;

/// Role, profile and machine of the sessions.
const NAME: &str = "sessions";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const PORT: &str = "8077";
const SERVER: &str = "import socketserver
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        self.wfile.write(bytes(range(256)) * 4096)
socketserver.ThreadingTCPServer(('127.0.0.1', 8077), Handler).serve_forever()";
/// What the server sends to each connection.
const SIZE_BYTES: &str = "1048576";

/// Shells, commands and a forwarded port.
pub fn judged(region: &Region) -> Result<()> {
    let id = machine(region)?;
    region.exec_ok(NAME, &["systemd-run", "--quiet", "python3", "-c", SERVER])?;
    wait_for("the server in the machine", Duration::from_secs(10), || {
        let listening = region.exec_ok(NAME, &["ss", "-ltn"])?;
        ensure!(listening.contains(PORT), "{listening}");
        Ok(())
    })?;
    let args = ["tests/judges/sessions.py", &id, PORT, SIZE_BYTES];
    let output = region.venv_program("python").run(&args)?;
    ensure!(output.code == 0, "{output}");
    print!("{}", output.stdout.lines().map(|line| format!("        {line}\n")).collect::<String>());
    let aws = region.venv_program("aws");
    aws.ok(&["ec2", "terminate-instances", "--instance-ids", &id]).map(drop)
}

fn machine(region: &Region) -> Result<String> {
    let aws = region.venv_program("aws");
    let policy = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore";
    aws.ok(&["iam", "create-role", "--role-name", NAME, "--assume-role-policy-document", TRUST])?;
    aws.ok(&["iam", "attach-role-policy", "--role-name", NAME, "--policy-arn", policy])?;
    aws.ok(&["iam", "create-instance-profile", "--instance-profile-name", NAME])?;
    let (profile, role) = (["--instance-profile-name", NAME], ["--role-name", NAME]);
    aws.ok(&[&["iam", "add-role-to-instance-profile"][..], &profile, &role].concat())?;
    let images = aws.json(&["ec2", "describe-images", "--owners", "136693071363"])?;
    let image = images["Images"][0]["ImageId"].as_str().context("no base image")?.to_owned();
    let tags = format!("ResourceType=instance,Tags=[{{Key=Name,Value={NAME}}}]");
    let made = aws.json(&[
        "ec2",
        "run-instances",
        "--image-id",
        &image,
        "--instance-type",
        "t3.micro",
        "--iam-instance-profile",
        &format!("Name={NAME}"),
        "--tag-specifications",
        &tags,
    ])?;
    let id = made["Instances"][0]["InstanceId"].as_str().context("no instance")?.to_owned();
    wait_for("an agent that is Online", Duration::from_secs(60), || {
        let filter = format!("Key=InstanceIds,Values={id}");
        let told = aws.json(&["ssm", "describe-instance-information", "--filters", &filter])?;
        ensure!(told["InstanceInformationList"][0]["PingStatus"] == "Online", "{told}");
        Ok(())
    })?;
    Ok(id)
}
