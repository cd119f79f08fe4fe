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
    /// Files from the web.
    WebDownload(Vec<WebDownload>),
    /// A reboot, then the next step.
    Reboot(Delay),
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

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct WebDownload {
    pub(super) source: String,
    pub(super) destination: String,
    #[serde(default = "yes")]
    pub(super) overwrite: bool,
    pub(super) checksum: Option<String>,
    pub(super) algorithm: Option<Algorithm>,
    #[serde(default)]
    pub(super) ignore_certificate_errors: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) enum Algorithm {
    #[serde(rename = "MD5")]
    Md5,
    #[serde(rename = "SHA1")]
    Sha1,
    #[serde(rename = "SHA256")]
    Sha256,
    #[serde(rename = "SHA512")]
    Sha512,
}

impl WebDownload {
    /// A destination that ends in `/` is a folder for a file of the source's name.
    pub(super) fn file(&self) -> String {
        let path = self.source.split(['?', '#']).next().unwrap_or_default();
        match self.destination.strip_suffix('/') {
            Some(folder) => format!("{folder}/{}", path.rsplit('/').next().unwrap_or_default()),
            None => self.destination.clone(),
        }
    }

    /// The sum to find, if one is given.
    pub(super) fn sum(&self) -> Option<(Algorithm, &str)> {
        self.algorithm.zip(self.checksum.as_deref())
    }

    fn check(&self) -> Result<(), String> {
        let place = self.source.strip_prefix("http://").or(self.source.strip_prefix("https://"));
        let named = |place: &str| place.split_once('/').is_some_and(|(host, _)| !host.is_empty());
        if !place.is_some_and(named) || self.file().ends_with('/') {
            return Err(format!("{} is no URL of a file", self.source));
        }
        if self.checksum.is_some() != self.algorithm.is_some() {
            return Err(format!("{}: checksum and algorithm go together", self.source));
        }
        Ok(())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Delay {
    #[serde(default)]
    pub(super) delay_seconds: u32,
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
            "WebDownload" => Self::WebDownload(typed(inputs)?),
            "Reboot" if inputs.is_null() => Self::Reboot(Delay::default()),
            "Reboot" => Self::Reboot(typed(inputs)?),
            other => {
                return Err(format!(
                    "action {other} is not one this region runs (ExecuteBash, S3Download, \
                     S3Upload, CreateFile, CreateFolder, DeleteFile, SetFilePermissions, \
                     WebDownload, Reboot)"
                ));
            }
        };
        action.check()?;
        Ok(action)
    }

    /// What the role of the build instance must be allowed: actions and ARNs.
    pub(super) fn needs(&self) -> Vec<(&'static str, String)> {
        let needs = |source: &str, action| {
            let Ok((bucket, key)) = object(source) else { return Vec::new() };
            let whole =
                key.ends_with('*').then(|| ("s3:ListBucket", format!("arn:aws:s3:::{bucket}")));
            let one = (action, format!("arn:aws:s3:::{bucket}/{key}"));
            whole.into_iter().chain([one]).collect()
        };
        match self {
            Self::S3Download(list) => {
                list.iter().flat_map(|item| needs(&item.source, "s3:GetObject")).collect()
            }
            Self::S3Upload(list) => {
                list.iter().flat_map(|item| needs(&item.destination, "s3:PutObject")).collect()
            }
            _ => Vec::new(),
        }
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
            Self::WebDownload(list) => list.iter().try_for_each(WebDownload::check),
            Self::ExecuteBash(_) | Self::Reboot(_) => Ok(()),
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
        let needs = |yaml| read("S3Download", yaml).unwrap().needs();
        let get = |key: &str| ("s3:GetObject", format!("arn:aws:s3:::b/{key}"));
        assert_eq!(needs("[{source: 's3://b/k', destination: /tmp}]"), [get("k")]);
        let list = ("s3:ListBucket", "arn:aws:s3:::b".to_owned());
        assert_eq!(needs("[{source: 's3://b/k/*', destination: /tmp}]"), [list, get("k/*")]);
        assert!(read("Reboot", "{delaySeconds: 1}").is_ok() && read("Reboot", "null").is_ok());
        assert!(read("Reboot", "{delay: 1}").unwrap_err().contains("delay"));
        assert!(read("UpdateOS", "{}").unwrap_err().contains("UpdateOS"));
    }

    #[test]
    fn a_download_has_a_url_a_file_and_a_whole_checksum() {
        let web = |rest: &str| {
            read("WebDownload", &format!("[{{source: 'http://h/a/b.tgz?v=1'{rest}}}]"))
        };
        let file = |destination: &str| match web(&format!(", destination: {destination}")) {
            Ok(Action::WebDownload(list)) => list[0].file(),
            other => panic!("{other:?}"),
        };
        assert_eq!((file("/opt/x"), file("/opt/")), ("/opt/x".into(), "/opt/b.tgz".into()));
        assert!(web(", destination: /x, checksum: ab, algorithm: SHA256").is_ok());
        for wrong in [
            "",
            ", destination: /x, checksum: ab",
            ", destination: /x, checksum: ab, algorithm: CRC",
        ] {
            assert!(web(wrong).is_err(), "{wrong}");
        }
        for source in ["ftp://h/x", "http://h", "http:///x", "http://h/folder/"] {
            let inputs = format!("[{{source: '{source}', destination: /tmp/}}]");
            assert!(read("WebDownload", &inputs).is_err(), "{source}");
        }
    }
}
