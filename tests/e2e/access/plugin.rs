//! `connect` and `forward` through a session-manager-plugin: a script that notes
//! what it is given, beside the same of the AWS CLI.

use crate::{Pair, end_sessions};
use anyhow::{Context as _, Result, ensure};
use nixl_tests::Program;
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const SCRIPT: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then
    echo "$PLUGIN_VERSION"
    exit
fi
[ "$1" != AWS_SSM_START_SESSION_RESPONSE ] || echo "$AWS_SSM_START_SESSION_RESPONSE" >"$PLUGIN_TOLD.variable"
printf '%s\n' "$@" >"$PLUGIN_TOLD"
exit 5
"#;
/// A version that takes the session from a variable, one that takes it from its
/// arguments; what is called through each, and its reason as SSM is told it.
const CALLS: [(&str, &[&str], &str); 2] = [
    ("1.2.707.0", &["connect", "1"], "nixl-launch connect"),
    ("1.2.497.0", &["forward", "1", "18080:9100"], "nixl-launch forward"),
];

/// What the plugin was given.
#[derive(Debug, PartialEq)]
struct Given {
    by_variable: bool,
    session: BTreeSet<String>,
    region: String,
    operation: String,
    profile: String,
    request: Value,
    endpoint: String,
}

fn given(told: &Path) -> Result<Given> {
    let text = std::fs::read_to_string(told).context("the plugin was not called")?;
    let words: Vec<&str> = text.lines().collect();
    let [first, region, operation, profile, request, endpoint] = words[..] else {
        anyhow::bail!("six arguments are expected: {words:?}");
    };
    let variable = told.with_extension("variable");
    let by_variable = variable.exists();
    let session = if by_variable { std::fs::read_to_string(&variable)? } else { first.to_owned() };
    let session: Value = serde_json::from_str(&session).context(session)?;
    let named = session.as_object().into_iter().flatten();
    let filled = named.filter(|(_, value)| value.as_str().is_some_and(|text| !text.is_empty()));
    let given = Given {
        by_variable,
        session: filled.map(|(key, _)| key.clone()).filter(|it| it != "ResponseMetadata").collect(),
        region: region.to_owned(),
        operation: operation.to_owned(),
        profile: profile.to_owned(),
        request: serde_json::from_str(request)?,
        endpoint: endpoint.trim_end_matches('/').to_owned(),
    };
    std::fs::remove_file(told)?;
    if by_variable {
        std::fs::remove_file(variable)?;
    }
    Ok(given)
}

/// Both programs call a plugin alike.
pub fn called(pair: &Pair) -> Result<()> {
    let region = &pair.region;
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("session-manager-plugin");
    std::fs::write(&program, SCRIPT)?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))?;
    let told = folder.path().join("told");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH")?);
    for (version, ours, reason) in CALLS {
        let with = |program: Program| {
            program.env(&[
                ("PATH".to_owned(), path.clone()),
                ("PLUGIN_TOLD".to_owned(), told.display().to_string()),
                ("PLUGIN_VERSION".to_owned(), version.to_owned()),
            ])
        };
        let launch = with(region.program("nixl-launch"));
        let output = launch.run(ours)?;
        ensure!(output.code == 5, "the plugin's own exit code is expected: {output}");
        let our = given(&told)?;
        ensure!(our.by_variable == (version == CALLS[0].0), "{version}: {our:?}");
        let document = our.request["DocumentName"].as_str().context("no document")?;
        let parameters = our.request["Parameters"].to_string();
        let target = ["ssm", "start-session", "--target", &pair.ids[1]];
        let what = ["--document-name", document, "--parameters", &parameters];
        let output = with(region.venv_program("aws"))
            .run(&[&target[..], &what, &["--reason", reason]].concat())?;
        let their = given(&told).with_context(|| output.to_string())?;
        ensure!(our == their, "{our:#?}\nbut the AWS CLI: {their:#?}");
    }
    end_sessions(region)?;
    Ok(())
}
