//! The API itself, without nodes: who is let in, and with what.

use crate::ground::Ground;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Actions of what `tracks.py` does.
pub const TRACKING: &[&str] = &[
    "sagemaker-mlflow:CreateExperiment",
    "sagemaker-mlflow:CreateRun",
    "sagemaker-mlflow:Get*",
    "sagemaker-mlflow:ListArtifacts",
    "sagemaker-mlflow:Log*",
    "sagemaker-mlflow:Search*",
    "sagemaker-mlflow:SetTag",
    "sagemaker-mlflow:SetTraceTag",
    "sagemaker-mlflow:StartTrace",
    "sagemaker-mlflow:UpdateRun",
    "s3:*",
];

/// What an App takes for all of it.
pub const APP: &[&str] = &["sagemaker:CallMlflowAppApi", "s3:*"];

/// Experiments, runs, batches of metrics and artifacts by the real client, and read back by it.
pub fn plugin(ground: &Ground<'_>, arn: &str) -> Result<()> {
    let keys = match arn.contains(":mlflow-app/") {
        true => ground.session(APP)?,
        false => ground.session(TRACKING)?,
    };
    let told = ground.client("tracks.py", &[arn], &keys)?;
    ensure!(told["metrics"] == 2000 && told["params"] == 100, "{told:#}");
    ensure!(told["artifact"] == "kept" && told["status"] == "FINISHED", "{told:#}");
    println!("        in {} s", told["seconds"]);
    Ok(())
}

/// The answer of one request of `signed.py`.
fn asked(ground: &Ground<'_>, arn: &str, how: &[&str], keys: &[(String, String)]) -> Result<Value> {
    ground.plain("signed.py", &[&[arn], how].concat(), &keys.to_vec())
}

/// It has this status, and these words in its body.
pub fn answers(told: &Value, status: u64, words: &str) -> Result<()> {
    let body = told["body"].as_str().unwrap_or_default();
    ensure!(told["status"] == status && body.contains(words), "not {status} {words:?}: {told:#}");
    Ok(())
}

/// What is right passes; each thing that is wrong is refused, and nothing was done.
pub fn by_hand(ground: &Ground<'_>, arn: &str) -> Result<()> {
    answers(&asked(ground, arn, &[], &[])?, 200, "experiments")?;
    // A query that is encoded, and a plus sign that only looks so.
    answers(&asked(ground, arn, &["--name", "a b/c%2B"], &[])?, 404, "RESOURCE_DOES_NOT_EXIST")?;
    for (how, status, words) in [
        ("wrong-payload", 403, "does not match the signature"),
        ("wrong-large-payload", 403, "does not match the signature"),
        ("unsigned-payload", 403, "does not match the signature"),
        ("no-route", 500, ""),
        ("unsigned-route", 403, "must be a 'SignedHeader'"),
        ("wrong-service", 403, "correct service"),
        ("wrong-region", 403, "scoped to a valid region"),
        ("old-date", 403, "Signature expired"),
        ("future-date", 403, "Signature not yet current"),
        ("wrong-secret", 403, "does not match the signature"),
        ("changed-query", 403, "does not match the signature"),
        ("unsigned", 403, "missing Authentication Token"),
        ("unknown-arn", 404, "does not exist"),
    ] {
        answers(&asked(ground, arn, &["--wrong", how], &[])?, status, words)?;
    }
    // The experiments that the forged calls would have made are not there.
    answers(&asked(ground, arn, &["--name", "forged"], &[])?, 404, "RESOURCE_DOES_NOT_EXIST")
}

/// A tracking server names the action, an App does not, and neither takes the other's.
pub fn without_action(ground: &Ground<'_>) -> Result<()> {
    let apps = ground.session(&["sagemaker:*"])?;
    let told = asked(ground, &ground.server, &[], &apps)?;
    answers(&told, 403, "not authorized to perform: sagemaker-mlflow:SearchExperiments")?;
    answers(&asked(ground, &ground.app, &[], &apps)?, 200, "experiments")?;
    let servers = ground.session(&["sagemaker-mlflow:*"])?;
    answers(&asked(ground, &ground.app, &[], &servers)?, 403, "Request is not authorized")?;
    answers(&asked(ground, &ground.server, &[], &servers)?, 200, "experiments")?;
    // What the client makes of it.
    let one = ground.session(&["sagemaker-mlflow:GetExperimentByName"])?;
    let told = ground.client("tracks.py", &[&ground.server, "--refused"], &one)?;
    let error = told["error"].as_str().unwrap_or_default();
    ensure!(error.contains("sagemaker-mlflow:CreateExperiment"), "{told:#}");
    Ok(())
}

/// Temporary keys are good with their token only, and not for longer than they live.
pub fn session_tokens(ground: &Ground<'_>) -> Result<()> {
    let keys = ground.session(&["sagemaker-mlflow:*"])?;
    answers(&asked(ground, &ground.server, &[], &keys)?, 200, "experiments")?;
    let (_, without) = keys.split_last().unwrap_or((&keys[0], &[]));
    answers(&asked(ground, &ground.server, &[], without)?, 403, "security token")?;
    ground.region.control().ok(&["set", "clock", "+2h"])?;
    answers(&asked(ground, &ground.server, &[], &keys)?, 403, "expired")
}

/// A Small server takes 25 calls a second, and a bucket of as many.
pub fn rate(ground: &Ground<'_>) -> Result<()> {
    let told = asked(ground, &ground.server, &["--times", "120"], &[])?;
    let count = |field: &str| told[field].as_u64().unwrap_or_default();
    let (passed, refused) = (count("passed"), count("throttled"));
    let secs = told["seconds"].as_f64().unwrap_or_default();
    println!("        {passed} passed and {refused} were refused in {secs:.1} s");
    ensure!(passed + refused == 120, "{told:#}");
    ensure!(passed >= 25 && passed as f64 <= 26.0 + 25.0 * secs, "{told:#}");
    Ok(())
}

/// `nixl-region fault` knows the calls by the names of their actions.
pub fn fault(ground: &Ground<'_>) -> Result<()> {
    let call = "sagemaker-mlflow:SearchExperiments";
    let add = ["fault", "add", call, "--error", "ServiceUnavailable", "--times", "1"];
    ground.region.control().ok(&add)?;
    answers(&asked(ground, &ground.app, &[], &[])?, 503, "A fault was set here")?;
    answers(&asked(ground, &ground.app, &[], &[])?, 200, "experiments")
}

/// Between stop and start nothing answers; what was logged is there again.
pub fn stopped(ground: &Ground<'_>) -> Result<()> {
    ground.stop()?;
    answers(&asked(ground, &ground.server, &[], &[])?, 503, "in status STOPPED")?;
    ground.start()?;
    answers(&asked(ground, &ground.server, &["--name", "tracked"], &[])?, 200, "tracked")
}

/// What the region's process may need beyond what it had, for bodies that are far larger.
const FLAT_KIB: u64 = 64 << 10;
const ARTIFACT_MIB: &str = "256";

/// An artifact that the server hands out passes in both directions without being
/// held in memory; one with another hash is not there afterwards.
pub fn large_artifact(ground: &Ground<'_>) -> Result<()> {
    ground.serve_artifacts()?;
    let pid = ground.region.pid()?;
    // proc(5): the peak is counted anew.
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
    let before = memory_kib(pid, "VmRSS")?;
    let told = asked(ground, &ground.server, &["--artifact", ARTIFACT_MIB], &[])?;
    let grown = memory_kib(pid, "VmHWM")?.saturating_sub(before);
    ensure!(told["sent"] == 200 && told["same"] == true, "{told:#}");
    println!(
        "        {ARTIFACT_MIB} MiB up in {:.1} s, down in {:.1} s; the region's process grew by {} MiB",
        told["up_secs"].as_f64().unwrap_or_default(),
        told["down_secs"].as_f64().unwrap_or_default(),
        grown >> 10
    );
    ensure!(grown < FLAT_KIB, "memory grew by {grown} KiB");
    let told = asked(ground, &ground.server, &["--artifact", "16", "--forged"], &[])?;
    ensure!(told["sent"] == 403 && told["there"] != 200, "{told:#}");
    Ok(())
}

/// A line of /proc/PID/status, proc(5).
pub fn memory_kib(pid: u32, name: &str) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.with_context(|| format!("no {name} of {pid}"))
}
