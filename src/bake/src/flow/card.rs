//! A failed build, as a person needs it: where, what, and what to do.

use nixl_aws::imagebuilder::Build;
use std::fmt;

/// What is known about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The build.
    pub arn: String,
    /// `FAILED`, `CANCELLED`, …
    pub status: String,
    /// It was built, and failed in its test.
    pub in_test: bool,
    /// Component, by name and version.
    pub component: Option<String>,
    /// Phase of its document.
    pub phase: Option<String>,
    /// Step of the phase, or of the workflow if no component failed.
    pub step: Option<String>,
    /// Action module of the step.
    pub action: Option<String>,
    /// What the step or the service said.
    pub message: Option<String>,
    /// Exit code of the step's last command.
    pub exit_code: Option<i32>,
    /// The lines of the step's output that matter.
    pub excerpt: Vec<String>,
    /// Command that shows the whole log.
    pub log: Option<String>,
}

impl Card {
    /// From a build that is over.
    #[must_use]
    pub fn new(build: &Build) -> Self {
        let failure = build.failure.clone().unwrap_or_default();
        let in_test = failure.in_test();
        let phase = failure.phase.or(failure.image_status.map(|status| status.to_lowercase()));
        Self {
            arn: build.arn.clone(),
            status: build.status.clone(),
            in_test,
            component: failure.component_arn.as_deref().map(name_of),
            phase,
            step: failure.step.or(failure.workflow_step),
            action: failure.action,
            message: failure
                .message
                .or(build.reason.clone())
                .filter(|message| !message.trim().is_empty()),
            exit_code: None,
            excerpt: Vec::new(),
            log: None,
        }
    }

    /// Where, and the last line of what was said.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        for (label, value) in
            [("component", &self.component), ("phase", &self.phase), ("step", &self.step)]
        {
            if let Some(value) = value {
                parts.push(format!("{label} {value}"));
            }
        }
        let place = parts.join(", ");
        let said = self.message.as_deref().and_then(|text| text.trim().lines().last());
        match (place.is_empty(), said) {
            (false, Some(said)) => format!("{place}: {said}"),
            (false, None) => place,
            (true, Some(said)) => said.to_owned(),
            (true, None) => "Image Builder gives no reason".to_owned(),
        }
    }
}

impl fmt::Display for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status.as_str() {
            "CANCELLED" => write!(f, "the build was cancelled")?,
            "FAILED" if self.in_test => write!(f, "the image failed its test")?,
            "FAILED" => write!(f, "the build failed")?,
            other => write!(f, "the build ended as {other}")?,
        }
        let step = match (&self.step, &self.action) {
            (Some(step), Some(action)) => Some(format!("{step} ({action})")),
            (step, _) => step.clone(),
        };
        let exit_code = self.exit_code.map(|code| code.to_string());
        let output = (!self.excerpt.is_empty()).then(|| self.excerpt.join("\n"));
        // A message is the end of the output mostly.
        let message = self.message.as_deref().map(str::trim).filter(|_| output.is_none());
        let rows = [
            ("component", self.component.as_deref()),
            ("phase", self.phase.as_deref()),
            ("step", step.as_deref()),
            ("exit code", exit_code.as_deref()),
            ("message", message),
            ("output", output.as_deref()),
            ("build", Some(self.arn.as_str())),
            ("log", self.log.as_deref()),
        ];
        for (label, value) in rows {
            if let Some(value) = value {
                write!(f, "\n  {label:<10} {}", value.replace('\n', "\n             "))?;
            }
        }
        f.write_str(match self.in_test {
            false => "\ncorrect it and run the same command again",
            true => {
                "\nit is not published; the same command tests it again without building, and a changed recipe makes another"
            }
        })
    }
}

/// `nixl-libfabric 1.2.3` from `arn:…:component/nixl-libfabric/1.2.3/1`.
fn name_of(arn: &str) -> String {
    let mut parts = arn.split('/').skip(1);
    match (parts.next(), parts.next()) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        (Some(name), None) => name.to_owned(),
        _ => arn.to_owned(),
    }
}
