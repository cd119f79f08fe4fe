//! What the steps stand on: a bucket, roles, a tracking server and an App.

use anyhow::{Context, Result, ensure};
use nixl_tests::programs::plugin_venv;
use nixl_tests::{Program, Region, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

const BUCKET: &str = "mlflow-artifacts";
/// MLflow's server takes 10 s to come up on two idle cores; as long as the region waits for it.
const PATIENCE: Duration = Duration::from_secs(600);

/// Keys of a caller, as variables.
pub type Keys = Vec<(String, String)>;

/// A region with MLflow in both forms.
pub struct Ground<'a> {
    /// The region.
    pub region: &'a Region,
    /// ARN of the tracking server `t`.
    pub server: String,
    /// ARN of the App.
    pub app: String,
}

impl<'a> Ground<'a> {
    /// Makes all of it and waits until both answer.
    pub fn lay(region: &'a Region) -> Result<Self> {
        let aws = region.venv_program("aws");
        aws.ok(&["s3", "mb", &format!("s3://{BUCKET}")])?;
        let trust = |principal: Value| {
            let allow =
                json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal});
            json!({"Version": "2012-10-17", "Statement": [allow]}).to_string()
        };
        let role = |name: &str, principal: Value| {
            let document = trust(principal);
            let args = ["iam", "create-role", "--role-name", name];
            let told =
                aws.json(&[&args[..], &["--assume-role-policy-document", &document]].concat())?;
            told["Role"]["Arn"].as_str().map(str::to_owned).context("no ARN of the role")
        };
        let store = role("store", json!({"Service": "sagemaker.amazonaws.com"}))?;
        let account = store.split(':').nth(4).unwrap_or_default();
        role("tracker", json!({"AWS": account}))?;
        let uri = format!("s3://{BUCKET}/t");
        let usual = ["--artifact-store-uri", &uri, "--role-arn", &store];
        let server = ["sagemaker", "create-mlflow-tracking-server", "--tracking-server-name", "t"];
        let server = aws.json(&[&server[..], &usual].concat())?;
        let app =
            aws.json(&[&["sagemaker", "create-mlflow-app", "--name", "a"], &usual[..]].concat())?;
        let arn = |told: &Value, field: &str| told[field].as_str().map(str::to_owned);
        let ground = Self {
            region,
            server: arn(&server, "TrackingServerArn").context("no ARN of the server")?,
            app: arn(&app, "Arn").context("no ARN of the App")?,
        };
        ground.until("Created")?;
        ground.app_until("Created")?;
        Ok(ground)
    }

    /// From now on server and App hand out artifacts themselves.
    pub fn serve_artifacts(&self) -> Result<()> {
        self.region.control().ok(&["set", "mlflow-artifacts", "server"])?;
        self.stop()?;
        self.start()?;
        // An App is not stopped; with another store it starts anew.
        let uri = format!("s3://{BUCKET}/other");
        let update = ["sagemaker", "update-mlflow-app", "--arn", &self.app];
        self.region
            .venv_program("aws")
            .ok(&[&update[..], &["--artifact-store-uri", &uri]].concat())?;
        self.app_until("Updated")
    }

    fn app_until(&self, status: &str) -> Result<()> {
        let aws = self.region.venv_program("aws");
        let probe = || {
            let told = aws.json(&["sagemaker", "describe-mlflow-app", "--arn", &self.app])?;
            ensure!(told["Status"] == status, "{told}");
            Ok(())
        };
        wait_for("the App", PATIENCE, probe).map(drop)
    }

    /// Stops the tracking server; its store is kept.
    pub fn stop(&self) -> Result<()> {
        self.power("stop-mlflow-tracking-server", "Stopped")
    }

    /// Starts it again.
    pub fn start(&self) -> Result<()> {
        self.power("start-mlflow-tracking-server", "Started")
    }

    fn power(&self, command: &str, status: &str) -> Result<()> {
        let aws = self.region.venv_program("aws");
        aws.ok(&["sagemaker", command, "--tracking-server-name", "t"])?;
        self.until(status)
    }

    /// Waits until the tracking server has a status.
    fn until(&self, status: &str) -> Result<()> {
        let aws = self.region.venv_program("aws");
        let ask = ["sagemaker", "describe-mlflow-tracking-server", "--tracking-server-name", "t"];
        let probe = || {
            let told = aws.json(&ask)?;
            ensure!(told["TrackingServerStatus"] == status, "{told}");
            Ok(())
        };
        wait_for("the tracking server", PATIENCE, probe).map(drop)
    }

    /// Keys of a session of a role that may do these actions, everywhere, and nothing else.
    pub fn session(&self, actions: &[&str]) -> Result<Keys> {
        let aws = self.region.venv_program("aws");
        let allow = json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
        let policy = json!({"Version": "2012-10-17", "Statement": [allow]}).to_string();
        let put = ["iam", "put-role-policy", "--role-name", "tracker", "--policy-name", "p"];
        aws.ok(&[&put[..], &["--policy-document", &policy]].concat())?;
        let account = self.server.split(':').nth(4).unwrap_or_default();
        let role = format!("arn:aws:iam::{account}:role/tracker");
        let told =
            aws.json(&["sts", "assume-role", "--role-arn", &role, "--role-session-name", "test"])?;
        let names = [
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "SessionToken"),
        ];
        let one = |(variable, field): (&str, &str)| {
            let value = told["Credentials"][field].as_str().unwrap_or_default();
            (variable.to_owned(), value.to_owned())
        };
        Ok(names.into_iter().map(one).collect())
    }

    /// MLflow's client with AWS's plugin, as this computer's caller or with these keys.
    pub fn client(&self, script: &str, args: &[&str], keys: &Keys) -> Result<Value> {
        let python = self.region.tool(&plugin_venv().join("bin/python").to_string_lossy());
        self.python(&python, script, args, keys)
    }

    /// Python with botocore alone.
    pub fn plain(&self, script: &str, args: &[&str], keys: &Keys) -> Result<Value> {
        self.python(&self.region.venv_program("python"), script, args, keys)
    }

    fn python(&self, python: &Program, script: &str, args: &[&str], keys: &Keys) -> Result<Value> {
        let endpoint = self.region.variable("AWS_ENDPOINT_URL")?.to_owned();
        let more = [
            ("SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT", endpoint.as_str()),
            ("MLFLOW_S3_ENDPOINT_URL", &endpoint),
            ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0"),
            ("MLFLOW_DISABLE_TELEMETRY", "true"),
            ("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true"),
            ("GIT_PYTHON_REFRESH", "quiet"),
        ];
        let more = more.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let file = format!("tests/e2e/mlflow/{script}");
        python.clone().env(&more).env(keys).json(&[&[file.as_str()], args].concat())
    }
}
