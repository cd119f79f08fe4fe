//! boto3 judges the local region: a client that is not ours, against real
//! machines, a real build and a real MLflow server.

mod faults;
mod sessions;

use anyhow::{Result, ensure};
use nixl_tests::{Region, Story};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut story = Story::begin("judge");
    let Some(mut region) = story.always("a state folder and a free port", Region::new) else {
        return story.end();
    };
    story.check("the judge of recordings catches what is wrong", || judge_of_judges(&region));
    story.step("the region comes up", || region.up());
    story.step("boto3 finds every answer as AWS would give it", || {
        // It asks faster than AWS lets anyone ask, and repeats nothing.
        region.control().ok(&["set", "throttle", "off"])?;
        judged_by(&region, "boto3_smoke.py")
    });
    story.check("the AWS CLI shows a pair as the article does", || {
        judged_by(&region, "article_commands.py")
    });
    story.check("sessions reach a machine's terminal and ports", || sessions::judged(&region));
    story
        .check("a client survives a lost answer and learns of a death", || faults::judged(&region));
    story.always("region down", || region.down());
    story.check("every request and answer fits botocore's models", || region.judged("Boto3"));
    drop(region);
    story.end()
}

/// Runs a judge against the region; its last line is its count.
fn judged_by(region: &Region, judge: &str) -> Result<()> {
    let output = region.venv_program("python").run(&[&format!("tests/judges/{judge}")])?;
    ensure!(output.code == 0, "{output}");
    println!("        {}", output.stdout.lines().last().unwrap_or_default());
    Ok(())
}

/// Counterexamples: each kind of wrong request or answer must be found.
fn judge_of_judges(region: &Region) -> Result<()> {
    let tests = ["-m", "unittest", "discover", "-s", "tests/judges"];
    let output = region.venv_program("python").run(&tests)?;
    ensure!(output.code == 0, "{output}");
    Ok(())
}
