//! What is kept of a link across restarts of the daemon: one JSON file a
//! peer, `link/<instance id>.json` in the state folder.

use super::baseline::Own;
use super::histogram::Histogram;
use super::history::History;
use crate::events::{self, Stage};
use nixl_cluster::link::Report;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Of another form than this, a file is not read.
const VERSION: u32 = 1;

/// Name of a file that is being written begins so.
const TEMPORARY: &str = ".link-";
/// A link whose file nobody touched for so long is gone.
const FORGET: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is kept of a link.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Record {
    version: u32,
    /// What it was measured over; another provider is another link.
    pub provider_name: String,
    pub own: Own,
    /// Round trips of 64 bytes, by rail.
    pub histograms: BTreeMap<u16, Histogram>,
    pub history: History,
    pub report: Option<Report>,
}

/// The folder, if there is one.
#[derive(Debug, Clone, Default)]
pub(super) struct Store {
    folder: Option<PathBuf>,
}

impl Store {
    /// In systemd's `STATE_DIRECTORY`, the first of them; without it nothing
    /// outlives the daemon.
    pub fn new(state_directory: Option<&OsStr>) -> Self {
        let first = state_directory.and_then(|paths| std::env::split_paths(paths).next());
        let folder = first.filter(|path| path.is_absolute()).map(|path| path.join("link"));
        Self { folder }
    }

    /// Removes what a daemon that was killed had begun to write, and links that
    /// are gone.
    pub fn clean(&self, now: SystemTime) {
        let files = self.folder.as_ref().and_then(|folder| fs::read_dir(folder).ok());
        for file in files.into_iter().flatten().flatten() {
            let age = file.metadata().ok().filter(fs::Metadata::is_file).and_then(|meta| {
                Some(now.duration_since(meta.modified().ok()?).unwrap_or_default())
            });
            let begun = file.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes());
            if age.is_some_and(|age| begun || age > FORGET) {
                let path = file.path();
                if let Err(error) = fs::remove_file(&path) {
                    events::state_file(
                        Stage::Boot,
                        &path,
                        "a link's history cannot be removed",
                        &error,
                    );
                }
            }
        }
    }

    fn path(&self, instance_id: &str) -> Option<PathBuf> {
        let plain = |id: &str| {
            !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        self.folder
            .as_ref()
            .filter(|_| plain(instance_id))
            .map(|folder| folder.join(format!("{instance_id}.json")))
    }

    /// What is kept of the link to this peer over this provider; nothing if
    /// there is nothing or it cannot be read, which is told and set aside.
    pub fn load(&self, instance_id: &str, provider_name: &str) -> Record {
        let new = || Record {
            version: VERSION,
            provider_name: provider_name.to_owned(),
            ..Record::default()
        };
        let Some(path) = self.path(instance_id) else { return new() };
        let read = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return new(),
            Err(error) => Err(error.to_string()),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
        };
        match read {
            Ok(Record { version: VERSION, provider_name: known, .. }) if known != provider_name => {
                tracing::info!(peer_id = %instance_id, "the link's past over {known} says nothing about {provider_name}");
                new()
            }
            Ok(record @ Record { version: VERSION, .. }) => record,
            Ok(Record { version, .. }) => {
                set_aside(&path, &format!("it has version {version}, not {VERSION}"));
                new()
            }
            Err(error) => {
                set_aside(&path, &error);
                new()
            }
        }
    }

    /// What [`Written::write`] writes; `None` where nothing is kept.
    pub fn prepare(&self, instance_id: &str, record: &Record) -> Option<Written> {
        let path = self.path(instance_id)?;
        match serde_json::to_vec(record) {
            Ok(bytes) => Some(Written { path, bytes }),
            Err(error) => {
                tracing::error!(%error, "a link's history has no JSON form");
                None
            }
        }
    }
}

fn set_aside(path: &Path, why: &str) {
    let aside = path.with_extension("json.bad");
    match fs::rename(path, &aside) {
        Ok(()) => {
            let what = format!("a link's history cannot be used and is now {}", aside.display());
            events::state_file(Stage::Paired, path, &what, &why);
        }
        Err(error) => {
            let what = format!("a link's history cannot be used nor renamed ({error})");
            events::state_file(Stage::Paired, path, &what, &why);
        }
    }
}

/// A file about to be written.
#[derive(Debug)]
pub struct Written {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Written {
    /// Replaces the file as a whole. A failure is told and costs the history.
    pub fn write(&self) {
        if let Err(error) = self.replace() {
            events::state_file(
                Stage::Measure,
                &self.path,
                "a link's history could not be written",
                &error,
            );
        }
    }

    fn replace(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or_else(|| Path::new("/"));
        fs::create_dir_all(folder)?;
        let mut temp = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
        temp.write_all(&self.bytes)?;
        temp.as_file().sync_all()?;
        temp.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(root: &Path) -> Store {
        Store::new(Some(root.as_os_str()))
    }

    #[test]
    fn what_is_kept_comes_back() {
        let root = tempfile::tempdir().unwrap();
        let store = store(root.path());
        let mut record = store.load("i-2", "tcp");
        record.histograms.entry(0).or_default().add(20_000);
        record.history.round_trips(60, &[20_000], 0);
        record.history.close();
        record.own.latency(20.0);
        store.prepare("i-2", &record).unwrap().write();
        assert_eq!(store.load("i-2", "tcp"), record);
        assert_eq!(store.load("i-2", "efa").own, Own::default(), "another provider, another link");
        assert_eq!(fs::read_dir(root.path().join("link")).unwrap().count(), 1);
    }

    #[test]
    fn what_was_begun_and_links_that_are_gone_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let (store, folder) = (store(root.path()), root.path().join("link"));
        store.clean(SystemTime::now());
        fs::create_dir_all(folder.join("sub")).unwrap();
        for name in [".link-a1b2", "i-2.json", "i-3.json.bad"] {
            fs::write(folder.join(name), "{}").unwrap();
        }
        let left = || {
            let names = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name());
            names.collect::<std::collections::BTreeSet<_>>()
        };
        let day = Duration::from_secs(24 * 3600);
        store.clean(SystemTime::now() + 29 * day);
        assert_eq!(left(), ["i-2.json", "i-3.json.bad", "sub"].map(Into::into).into());
        store.clean(SystemTime::now() + 31 * day);
        assert_eq!(left(), ["sub"].map(Into::into).into());
    }

    #[test]
    fn a_file_that_cannot_be_used_is_set_aside() {
        let root = tempfile::tempdir().unwrap();
        let store = store(root.path());
        let folder = root.path().join("link");
        fs::create_dir(&folder).unwrap();
        for bad in ["{\"version\": 1, \"own", "{\"version\": 1}", "", "\u{0}\u{0}"] {
            fs::write(folder.join("i-2.json"), bad).unwrap();
            assert_eq!(store.load("i-2", "tcp").provider_name, "tcp");
            assert!(!folder.join("i-2.json").exists());
            assert_eq!(fs::read_to_string(folder.join("i-2.json.bad")).unwrap(), bad);
        }
        let newer = Record { version: 2, ..store.load("i-2", "tcp") };
        store.prepare("i-2", &newer).unwrap().write();
        assert_eq!(store.load("i-2", "tcp").version, VERSION);
        assert!(folder.join("i-2.json.bad").exists());
    }

    #[test]
    fn without_a_folder_or_a_plain_id_nothing_is_kept() {
        let none = Store::new(None);
        assert!(none.prepare("i-2", &none.load("i-2", "tcp")).is_none());
        let root = tempfile::tempdir().unwrap();
        let store = store(root.path());
        for id in ["", "../i-2", "a/b", "i-2.json"] {
            assert!(store.path(id).is_none(), "{id}");
        }
        // Gone, full or read-only: told, and no more.
        let gone = Store::new(Some(OsStr::new("/proc/nowhere")));
        gone.prepare("i-2", &gone.load("i-2", "tcp")).unwrap().write();
    }
}
