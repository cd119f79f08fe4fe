//! A plan from a file: carried out exactly, or refused with what has changed.

use super::{Plan, Spec, VERSION, WantedImage};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Why a file is no plan that can be used.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// File.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is no plan.
    #[error("{}: {error}; `nixl-launch plan --out` writes one", path.display())]
    NoPlan {
        /// File.
        path: PathBuf,
        /// Why.
        error: serde_json::Error,
    },
    /// Another release wrote it.
    #[error("{}: a plan of version {version}, this program has version {VERSION}; plan again", path.display())]
    Version {
        /// File.
        path: PathBuf,
        /// Its version.
        version: Value,
    },
}

/// One thing that is not as it was planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where in the document, e.g. `image.state`.
    pub path: String,
    /// As planned, JSON; none if it was not there.
    pub planned: Option<String>,
    /// As it is, JSON; none if it is gone.
    pub now: Option<String>,
}

/// Everything that is not as it was planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed(pub Vec<Difference>);

impl std::fmt::Display for Changed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not as it was when this was planned; plan again:")?;
        for Difference { path, planned, now } in &self.0 {
            let shown =
                |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
            write!(f, "\n  {path}\n    - {}\n    + {}", shown(planned), shown(now))?;
        }
        Ok(())
    }
}

impl std::error::Error for Changed {}

impl Plan {
    /// A plan that [`Plan::save`] wrote.
    ///
    /// # Errors
    /// If the file cannot be read or is no plan of this version.
    pub fn load(path: &Path) -> Result<Self, SavedError> {
        let text = std::fs::read(path)
            .map_err(|error| SavedError::Unreadable { path: path.to_owned(), error })?;
        let no_plan = |error| SavedError::NoPlan { path: path.to_owned(), error };
        // The version first: another version's fields would only confuse.
        let document: Value = serde_json::from_slice(&text).map_err(no_plan)?;
        let version = &document["version"];
        if document.is_object()
            && !version.is_null()
            && version.as_u64() != Some(u64::from(VERSION))
        {
            let version = version.clone();
            return Err(SavedError::Version { path: path.to_owned(), version });
        }
        serde_json::from_slice(&text).map_err(no_plan)
    }

    /// Writes it, wholly or not at all.
    ///
    /// # Errors
    /// If the folder cannot be written to.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        serde_json::to_writer_pretty(&mut file, self)?;
        std::io::Write::write_all(&mut file, b"\n")?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// What was asked for, with what was decided in the place of what was left open.
    #[must_use]
    pub fn pinned(&self) -> Spec {
        let spec = self.spec.clone();
        match &self.image {
            Some(image) => Spec { image: WantedImage::Ami(image.id.clone()), ..spec },
            None => spec,
        }
    }

    /// Whether a plan of now would do the same. What a launch only adds to or
    /// finds again (nodes, the security group) and what is merely told (quotas,
    /// prices, checks) may differ; attempts that are new are not tried.
    ///
    /// # Errors
    /// With everything that has changed.
    pub fn unchanged(&self, now: &Self) -> Result<(), Changed> {
        let mut now = now.clone();
        // The App of this plan may have been made since, by a run that was cut off.
        if self.tracking.is_unknown() {
            now = now.before_its_app();
        }
        now.attempts.retain(|attempt| self.attempts.contains(attempt));
        let mut found = Vec::new();
        compare("", Some(&essence(self)), Some(&essence(&now)), &mut found);
        if found.is_empty() { Ok(()) } else { Err(Changed(found)) }
    }
}

impl Plan {
    /// The plan as it was before the App of the cluster was made.
    fn before_its_app(self) -> Self {
        let tracking = self.tracking.before_it_was_made(&self.spec.region, &self.account);
        let user_data = super::user_data(&super::settings(&self.spec, &tracking));
        let policies = super::policies(&self.spec, &tracking);
        let user_data = user_data.unwrap_or_default();
        Self { policies, user_data, tracking, ..self }
    }
}

fn essence(plan: &Plan) -> Value {
    serde_json::json!({
        "account": plan.account,
        "spec": plan.pinned(),
        "image": plan.image,
        "types": plan.types,
        "vpc_id": plan.vpc_id,
        "attempts": plan.attempts,
        "tracking": plan.tracking,
        "policies": plan.policies,
        "user_data": plan.user_data,
    })
}

/// Walks both documents side by side; arrays by position.
fn compare(path: &str, planned: Option<&Value>, now: Option<&Value>, found: &mut Vec<Difference>) {
    if planned == now {
        return;
    }
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (planned, now) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                compare(&below(key), a.get(key), b.get(key), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{i}]"), Some(a), Some(b), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for gone in a.iter().filter(|it| !b.contains(it)) {
                let planned = Some(gone.to_string());
                found.push(Difference { path: path.to_owned(), planned, now: None });
            }
            for new in b.iter().filter(|it| !a.contains(it)) {
                let now = Some(new.to_string());
                found.push(Difference { path: path.to_owned(), planned: None, now });
            }
        }
        _ => found.push(Difference {
            path: path.to_owned(),
            planned: planned.map(ToString::to_string),
            now: now.map(ToString::to_string),
        }),
    }
}
