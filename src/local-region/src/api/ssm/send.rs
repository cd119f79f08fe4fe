//! SendCommand.

use super::{invalid, silent};
use crate::api::constraint::{number, text, texts, violated};
use crate::api::{Answer, ApiError, Call};
use crate::rules::run_command as rules;
use crate::run_command::{self, Work};
use crate::state::commands::{Command, Invocation, OutputLocation};
use crate::state::ec2::InstanceState;
use crate::state::ids;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// The one document there is.
pub const DOCUMENT: &str = "AWS-RunShellScript";
const TIMEOUT_SECS: RangeInclusive<u64> = 30..=2_592_000;
const DEFAULT_TIMEOUT_SECS: u64 = 3600;
/// `executionTimeout` of the document, by its pattern; the default is an hour.
const EXECUTION_SECS: RangeInclusive<i64> = 1..=172_800;
const DEFAULT_EXECUTION_SECS: &str = "3600";
const MAX_INSTANCES: usize = 50;
const MAX_TARGETS: usize = 5;
const MAX_COMMENT_CHARS: usize = 100;
const DEFAULT_CONCURRENCY: &str = "50";
const DEFAULT_ERRORS: &str = "0";

/// SendCommand.
pub fn send(call: &Call<'_>, input: &Value) -> Answer {
    let name = input["DocumentName"].as_str().unwrap_or_default();
    call.authorize(&call.arn(&format!("document/{name}")))?;
    document(call, name, input)?;
    refuse_what_is_not_there(input)?;
    let limits = Limits::read(call, input)?;
    let parameters = &input["Parameters"];
    let mut work = work(call, parameters)?;
    let output = output(call, input)?;
    let by_id: Vec<String> = texts(&input["InstanceIds"]).into_iter().map(str::to_owned).collect();
    let nodes = targets(call, input, &by_id)?;
    for id in &nodes {
        call.authorize(&call.arn_of("ec2", &format!("instance/{id}")))?;
    }
    let (now, rules_on) = (call.region.clock.now(), &call.region.rules);
    work.concurrency = if rules_on.on(&rules::MAX_CONCURRENCY) {
        share(&limits.concurrency, nodes.len())
    } else {
        nodes.len()
    };
    work.max_errors = share(&limits.errors, nodes.len());
    let wait = SignedDuration::from_secs(limits.timeout_secs).saturating_add(work.timeout);
    let command = Command {
        id: ids::request(),
        comment: limits.comment,
        parameters: parameters.clone(),
        instance_ids: by_id,
        targets: input["Targets"].clone(),
        requested: now,
        expires: now.checked_add(wait).unwrap_or(Timestamp::MAX),
        timeout_secs: limits.timeout_secs,
        max_concurrency: limits.concurrency,
        max_errors: limits.errors,
        output,
        invocations: nodes.into_iter().map(|id| (id, Invocation::default())).collect(),
    };
    let mut shown = super::commands::show(call, &command);
    if command.instance_ids.is_empty() {
        // By tag they are looked for after the answer.
        shown["TargetCount"] = Value::from(0);
        shown["Status"] = Value::from("Pending");
        shown["StatusDetails"] = Value::from("Pending");
    }
    run_command::deliver(call.region, command, work);
    Ok(serde_json::json!({ "Command": shown }))
}

fn document(call: &Call<'_>, name: &str, input: &Value) -> Result<(), ApiError> {
    let plain = name.rsplit('/').next().unwrap_or_default();
    call.region.rules.check(&rules::DOCUMENT, plain == DOCUMENT, || {
        ApiError::new("InvalidDocument", format!("Document with name {name} does not exist."))
    })?;
    let version = input["DocumentVersion"].as_str().unwrap_or("$DEFAULT");
    let known = matches!(version, "$DEFAULT" | "$LATEST" | "1");
    call.region.rules.check(&rules::DOCUMENT, known, || {
        let why = format!("Document {name} has no version {version}.");
        ApiError::new("InvalidDocumentVersion", why)
    })
}

/// What would be lost silently is refused.
fn refuse_what_is_not_there(input: &Value) -> Result<(), ApiError> {
    let fields = ["NotificationConfig", "AlarmConfiguration", "ServiceRoleArn", "DocumentHash"];
    let logs = input["CloudWatchOutputConfig"]["CloudWatchOutputEnabled"].as_bool() == Some(true);
    let given = fields.into_iter().find(|name| !input[*name].is_null());
    match given.or(logs.then_some("CloudWatchOutputConfig")) {
        Some(name) => {
            Err(invalid(format!("{name} is not part of the local region: leave it out.")))
        }
        None => Ok(()),
    }
}

struct Limits {
    comment: String,
    timeout_secs: i64,
    concurrency: String,
    errors: String,
}

impl Limits {
    fn read(call: &Call<'_>, input: &Value) -> Result<Self, ApiError> {
        let judged = Self::judge(input);
        if let Err(error) = judged
            && call.region.rules.on(&rules::LIMITS)
        {
            return Err(error.by(&rules::LIMITS));
        }
        let given = |name: &str, default: &str| input[name].as_str().unwrap_or(default).to_owned();
        Ok(Self {
            comment: given("Comment", ""),
            timeout_secs: input["TimeoutSeconds"].as_i64().unwrap_or(DEFAULT_TIMEOUT_SECS as i64),
            concurrency: given("MaxConcurrency", DEFAULT_CONCURRENCY),
            errors: given("MaxErrors", DEFAULT_ERRORS),
        })
    }

    fn judge(input: &Value) -> Result<(), ApiError> {
        text(input, "Comment", MAX_COMMENT_CHARS)?;
        number(input, "TimeoutSeconds", TIMEOUT_SECS)?;
        for (name, zero) in [("MaxConcurrency", false), ("MaxErrors", true)] {
            let Some(given) = input[name].as_str() else { continue };
            if !is_share(given, zero) {
                return Err(violated(given, name, "be a number or a percentage"));
            }
        }
        for (name, most) in [("InstanceIds", MAX_INSTANCES), ("Targets", MAX_TARGETS)] {
            let length = input[name].as_array().map_or(0, Vec::len);
            if length > most {
                let must = format!("have length less than or equal to {most}");
                return Err(violated(&format!("{length} members"), name, &must));
            }
        }
        Ok(())
    }
}

/// `10` or `10%`; of all for a percentage, at most 100%.
fn is_share(text: &str, zero: bool) -> bool {
    let (digits, percent) = match text.strip_suffix('%') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let number = digits.parse::<u32>().ok().filter(|_| text.len() <= 7);
    let plain =
        digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    plain && number.is_some_and(|n| (n > 0 || zero) && (!percent || n <= 100))
}

fn share(text: &str, of: usize) -> usize {
    match text.strip_suffix('%') {
        Some(percent) => percent.parse::<usize>().map_or(of, |percent| of * percent / 100),
        None => text.parse().unwrap_or(of),
    }
}

fn work(call: &Call<'_>, parameters: &Value) -> Result<Work, ApiError> {
    let known = ["commands", "workingDirectory", "executionTimeout"];
    let bad = |why: String| ApiError::new("InvalidParameters", why);
    let rule = |kept: bool, why: &str| {
        call.region.rules.check(&rules::PARAMETERS, kept, || bad(why.to_owned()))
    };
    let names = || parameters.as_object().into_iter().flatten().map(|(name, _)| name);
    let strange: Vec<&String> = names().filter(|name| !known.contains(&name.as_str())).collect();
    rule(strange.is_empty(), &format!("Document {DOCUMENT} has no parameters {strange:?}."))?;
    let commands = texts(&parameters["commands"]);
    rule(!commands.is_empty(), &format!("Document {DOCUMENT} needs the parameter commands."))?;
    let one = |name: &str| texts(&parameters[name]).first().map(|text| (*text).to_owned());
    let timeout = one("executionTimeout").unwrap_or_else(|| DEFAULT_EXECUTION_SECS.to_owned());
    let secs = timeout.parse().ok().filter(|secs| EXECUTION_SECS.contains(secs));
    rule(secs.is_some(), "executionTimeout takes 1 to 172800 seconds.")?;
    Ok(Work {
        text: commands.join("\n") + "\n",
        working_directory: one("workingDirectory").filter(|folder| folder.starts_with('/')),
        timeout: SignedDuration::from_secs(secs.unwrap_or(*EXECUTION_SECS.end())),
        concurrency: 1,
        max_errors: 0,
    })
}

fn output(call: &Call<'_>, input: &Value) -> Result<Option<OutputLocation>, ApiError> {
    let Some(bucket) = input["OutputS3BucketName"].as_str() else { return Ok(None) };
    let prefix = text(input, "OutputS3KeyPrefix", 500)?.unwrap_or_default();
    call.region.rules.check(&rules::OUTPUT_BUCKET, call.region.s3.bucket_exists(bucket), || {
        silent("InvalidOutputFolder")
    })?;
    // Objects are files: a key must not lead out of its bucket.
    if prefix.split('/').any(|part| part == "..") || prefix.starts_with('/') {
        return Err(invalid(
            "OutputS3KeyPrefix: the local region takes no '..' and no leading '/'.",
        ));
    }
    Ok(Some(OutputLocation { bucket: bucket.to_owned(), prefix: prefix.to_owned() }))
}

/// The nodes a command is for.
fn targets(call: &Call<'_>, input: &Value, by_id: &[String]) -> Result<BTreeSet<String>, ApiError> {
    let targets = input["Targets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let one_form = by_id.is_empty() != targets.is_empty();
    call.region.rules.check(&rules::ONE_TARGET_FORM, one_form, || {
        invalid("A command takes either InstanceIds or Targets.")
    })?;
    let unique: BTreeSet<String> = by_id.iter().cloned().collect();
    call.region
        .rules
        .check(&rules::DUPLICATE, unique.len() == by_id.len(), || silent("DuplicateInstanceId"))?;
    let state = call.state();
    // A node in one of these states may still take the command later.
    let node = |id: &str| {
        let registered = state.agents.get(id).is_some_and(|agent| agent.registered.is_some());
        let instance = state.ec2.instances.get(id);
        let alive =
            |state| !matches!(state, InstanceState::ShuttingDown | InstanceState::Terminated);
        registered && instance.is_some_and(|instance| alive(instance.state))
    };
    let strangers: Vec<&str> = by_id.iter().map(String::as_str).filter(|id| !node(id)).collect();
    call.region.rules.check(&rules::TARGET_STATE, strangers.is_empty(), || {
        let account = &call.region.config.account_id;
        let ids = strangers.join(", ");
        let why = format!("Instances [[{ids}]] not in a valid state for account {account}");
        ApiError::new("InvalidInstanceId", why)
    })?;
    if targets.is_empty() {
        return Ok(unique);
    }
    let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for target in targets {
        let key = target["Key"].as_str().unwrap_or_default();
        if key != "InstanceIds" && key != "tag-key" && !key.starts_with("tag:") {
            return Err(invalid(format!(
                "Target key {key} is not part of the local region: use InstanceIds, tag:<key> or tag-key."
            )));
        }
        wanted.entry(key).or_default().extend(texts(&target["Values"]));
    }
    let nodes = state.agents.keys().filter(|id| node(id));
    let fits = |id: &&String| {
        let tags = state.ec2.tags_of(id);
        wanted.iter().all(|(key, values)| match key.strip_prefix("tag:") {
            Some(tag) => tags.get(tag).is_some_and(|value| values.contains(&value.as_str())),
            None if *key == "tag-key" => values.iter().any(|value| tags.contains_key(*value)),
            None => values.contains(&id.as_str()),
        })
    };
    Ok(nodes.filter(fits).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_numbers_or_percentages() {
        for (text, concurrency, errors) in [
            ("1", true, true),
            ("0", false, true),
            ("0%", false, true),
            ("50%", true, true),
            ("100%", true, true),
            ("101%", false, false),
            ("01", false, false),
            ("", false, false),
            ("x", false, false),
        ] {
            assert_eq!(is_share(text, false), concurrency, "{text}");
            assert_eq!(is_share(text, true), errors, "{text}");
        }
        assert_eq!((share("50%", 3), share("2", 3)), (1, 2));
    }
}
