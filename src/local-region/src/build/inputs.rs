//! Inputs of the action modules.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_yaml_ng::Value;

/// One action with its inputs.
#[derive(Debug)]
pub(super) enum Action {
    /// All commands are one script; its exit code is the step's.
    ExecuteBash(Commands),
    /// Objects to files.
    S3Download(Vec<Download>),
    /// Files to objects.
    S3Upload(Vec<Upload>),
    /// Files with a content.
    CreateFile(Vec<NewFile>),
    /// Folders.
    CreateFolder(Vec<Folder>),
    /// Files to remove.
    DeleteFile(Vec<PathOnly>),
    /// Permission bits.
    SetFilePermissions(Vec<Permissions>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Commands {
    pub(super) commands: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Download {
    pub(super) source: String,
    pub(super) destination: String,
    #[serde(default = "yes")]
    pub(super) overwrite: bool,
    /// One account in this region: always the owner.
    #[serde(rename = "expectedBucketOwner")]
    _expected_bucket_owner: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Upload {
    pub(super) source: String,
    pub(super) destination: String,
    #[serde(rename = "expectedBucketOwner")]
    _expected_bucket_owner: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewFile {
    pub(super) path: String,
    #[serde(default)]
    pub(super) content: String,
    #[serde(default)]
    pub(super) overwrite: bool,
    pub(super) permissions: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Folder {
    pub(super) path: String,
    #[serde(default)]
    pub(super) overwrite: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PathOnly {
    pub(super) path: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Permissions {
    pub(super) path: String,
    pub(super) permissions: Value,
}

fn yes() -> bool {
    true
}

impl Action {
    /// Reads resolved inputs.
    pub(super) fn read(action: &str, inputs: Value) -> Result<Self, String> {
        fn typed<T: DeserializeOwned>(inputs: Value) -> Result<T, String> {
            serde_yaml_ng::from_value(inputs).map_err(|error| format!("inputs: {error}"))
        }
        let action = match action {
            "ExecuteBash" => Self::ExecuteBash(typed(inputs)?),
            "S3Download" => Self::S3Download(typed(inputs)?),
            "S3Upload" => Self::S3Upload(typed(inputs)?),
            "CreateFile" => Self::CreateFile(typed(inputs)?),
            "CreateFolder" => Self::CreateFolder(typed(inputs)?),
            "DeleteFile" => Self::DeleteFile(typed(inputs)?),
            "SetFilePermissions" => Self::SetFilePermissions(typed(inputs)?),
            other => {
                return Err(format!(
                    "action {other} is not one this region runs (ExecuteBash, S3Download, \
                     S3Upload, CreateFile, CreateFolder, DeleteFile, SetFilePermissions)"
                ));
            }
        };
        action.check()?;
        Ok(action)
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::S3Download(list) => list.iter().try_for_each(|item| {
                object(&item.source)?;
                absolute(&item.destination)
            }),
            Self::S3Upload(list) => list.iter().try_for_each(|item| {
                object(&item.destination)?;
                if item.source.contains('*') {
                    return Err(format!(
                        "source {}: this region uploads single files",
                        item.source
                    ));
                }
                absolute(&item.source)
            }),
            Self::CreateFile(list) => list.iter().try_for_each(|item| {
                item.permissions.as_ref().map_or(Ok(()), |mode| octal(mode).map(drop))?;
                absolute(&item.path)
            }),
            Self::CreateFolder(list) => list.iter().try_for_each(|item| absolute(&item.path)),
            Self::DeleteFile(list) => list.iter().try_for_each(|item| absolute(&item.path)),
            Self::SetFilePermissions(list) => list.iter().try_for_each(|item| {
                octal(&item.permissions)?;
                absolute(&item.path)
            }),
            Self::ExecuteBash(_) => Ok(()),
        }
    }
}

/// Bucket and key of `s3://bucket/key`.
pub(super) fn object(source: &str) -> Result<(&str, &str), String> {
    let parts = source.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    match parts {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
            // The key becomes a path on this computer.
            if key.split('/').any(|part| part == "..") || bucket == ".." {
                return Err(format!("{source} has `..` in it"));
            }
            Ok((bucket, key))
        }
        _ => Err(format!("{source} is not s3://bucket/key")),
    }
}

/// Permission bits, written `0644`, `644` or as a YAML number of these digits.
pub(super) fn octal(mode: &Value) -> Result<String, String> {
    let text = match mode {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => return Err(format!("permissions {other:?} are not octal digits")),
    };
    match u32::from_str_radix(&text, 8) {
        Ok(bits) if bits <= 0o7777 => Ok(text),
        _ => Err(format!("permissions {text} are not octal digits")),
    }
}

fn absolute(path: &str) -> Result<(), String> {
    if path.starts_with('/') { Ok(()) } else { Err(format!("path {path} is not absolute")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(action: &str, yaml: &str) -> Result<Action, String> {
        Action::read(action, serde_yaml_ng::from_str(yaml).unwrap())
    }

    #[test]
    fn inputs_are_checked_before_anything_runs() {
        assert!(read("ExecuteBash", "{commands: [ls]}").is_ok());
        assert!(read("ExecuteBash", "{command: [ls]}").unwrap_err().contains("command"));
        assert!(read("S3Download", "[{source: 's3://b/k/*', destination: /tmp}]").is_ok());
        assert!(read("S3Download", "[{source: 'http://b', destination: /tmp}]").is_err());
        assert!(read("S3Download", "[{source: 's3://b/../x', destination: /tmp}]").is_err());
        assert!(read("S3Upload", "[{source: /a, destination: 's3://b/k'}]").is_ok());
        assert!(read("S3Upload", "[{source: '/a/*', destination: 's3://b/k'}]").is_err());
        assert!(read("S3Upload", "[{source: /a, destination: 's3://b/../../k'}]").is_err());
        assert!(read("CreateFile", "[{path: etc/x, content: y}]").unwrap_err().contains("etc/x"));
        assert!(read("SetFilePermissions", "[{path: /x, permissions: '0999'}]").is_err());
        assert!(read("SetFilePermissions", "[{path: /x, permissions: 644}]").is_ok());
        assert!(read("Reboot", "{}").unwrap_err().contains("Reboot"));
    }
}
