//! Where documents run: an overlay over `/`, entered by chroot in a mount
//! namespace of its own.

use nixl_bake::content::{Component, Part};
use nixl_bake::document::{ImageIdentity, Store, render};
use nixl_bake::hash::Sum;
use nixl_bake::lock::Pins;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// Where stand-ins are on the stage, first in `PATH`.
const STAND_INS: &str = "/run/nixl-stand-ins";
/// Image Builder's code for "reboot and run this step again".
const REBOOT: i32 = 194;

/// A stage.
pub struct Stage {
    folder: tempfile::TempDir,
    /// What the document is told of its image.
    pub image: ImageIdentity,
    /// Files that S3Upload took, by key.
    pub uploaded: std::cell::RefCell<std::collections::BTreeMap<String, Vec<u8>>>,
    /// What a reboot changes, as a script on the stage.
    pub on_reboot: String,
}

/// How a document ended.
#[derive(Debug)]
pub struct Ran {
    /// Step that failed, with its exit code.
    pub failed: Option<(String, i32)>,
    /// Reboots on the way.
    pub reboots: usize,
    /// All that was said.
    pub told: String,
}

impl Stage {
    /// A stage without kernels; `None` where this user may not mount, unless
    /// all tests must run.
    pub fn new() -> Option<Self> {
        let stage = Self {
            folder: tempfile::tempdir().unwrap(),
            image: ImageIdentity {
                name: "test 1.0.0".into(),
                digest: Sum::of(b"test"),
                parts: vec![Part {
                    name: "base".into(),
                    sum: Sum::of(b"base"),
                    shown: "1/it's a base".into(),
                }],
            },
            uploaded: Default::default(),
            on_reboot: String::new(),
        };
        for name in ["upper", "work", "root", "stand-ins"] {
            std::fs::create_dir(stage.path(name)).unwrap();
        }
        let (code, told) = stage.sh("rm -rf /lib/modules/* /opt/amazon && mkdir -p /lib/modules");
        if code == 0 {
            return Some(stage);
        }
        assert!(std::env::var_os("NIXL_TEST_ALL").is_none(), "no stage: {told}");
        eprintln!("skipped, this user may not mount: {told}");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program that is found before the real one; each call is logged.
    pub fn stand_in(&self, name: &str, script: &str) {
        let path = self.path("stand-ins").join(name);
        let log = format!("echo \"{name} $*\" >>{STAND_INS}/log");
        std::fs::write(&path, format!("#!/bin/bash\n{log}\n{script}\n")).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Calls of stand-ins so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("stand-ins/log")).unwrap_or_default()
    }

    /// Runs a script on the stage: exit code, and what it said.
    pub fn sh(&self, script: &str) -> (i32, String) {
        let at = |name: &str| self.path(name).display().to_string();
        let (upper, work, root) = (at("upper"), at("work"), at("root"));
        let enter = format!(
            "mount -t overlay overlay -o lowerdir=/,upperdir={upper},workdir={work} {root} &&
             for dir in proc dev sys; do mount --rbind /$dir {root}/$dir || exit 125; done &&
             mount -t tmpfs tmpfs {root}/run && mkdir {root}{STAND_INS} &&
             mount --bind {} {root}{STAND_INS} &&
             exec chroot {root} /usr/bin/env -i HOME=/root PATH={STAND_INS}:/usr/sbin:/usr/bin:/sbin:/bin \\
                 bash -c \"$1\" 2>&1",
            at("stand-ins")
        );
        let output = Command::new("unshare")
            .args(["--mount", "bash", "-c", &enter, "bash", script])
            .output()
            .unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&told).into_owned())
    }

    /// Runs the document of a component as a build does.
    pub fn run(&self, component: &Component, pins: &Pins) -> Ran {
        self.phases(component, pins, &["build", "validate"])
    }

    /// Runs what of it is for a test instance.
    pub fn test(&self, component: &Component, pins: &Pins) -> Ran {
        self.phases(component, pins, &["test"])
    }

    fn phases(&self, component: &Component, pins: &Pins, wanted: &[&str]) -> Ran {
        let store = Store { bucket: "bucket".into(), account: "123456789012".into() };
        let image = self.image.clone();
        let text = render(component, &store, &image, pins).unwrap();
        let document: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).unwrap();
        let mut ran = Ran { failed: None, reboots: 0, told: String::new() };
        let phases = document["phases"].as_sequence().unwrap();
        let phases =
            phases.iter().filter(|phase| wanted.contains(&phase["name"].as_str().unwrap()));
        for step in phases.flat_map(|phase| phase["steps"].as_sequence().unwrap()) {
            let name = step["name"].as_str().unwrap();
            if step["action"] == "S3Download" {
                self.bring(component, step);
                continue;
            }
            if step["action"] == "S3Upload" {
                self.take(step);
                continue;
            }
            assert_eq!(step["action"], "ExecuteBash");
            let script = step["inputs"]["commands"][0].as_str().unwrap();
            loop {
                let (code, told) = self.sh(script);
                ran.told.push_str(&told);
                match code {
                    0 => break,
                    REBOOT => {
                        ran.reboots += 1;
                        assert!(ran.reboots < 5, "it reboots for ever: {}", ran.told);
                        assert_eq!(self.sh(&self.on_reboot).0, 0);
                    }
                    code => {
                        ran.failed = Some((name.to_owned(), code));
                        return ran;
                    }
                }
            }
        }
        ran
    }

    /// A file on the stage.
    pub fn file(&self, path: &str, bytes: &[u8]) {
        let to = self.path("upper").join(path.trim_start_matches('/'));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, bytes).unwrap();
    }

    /// What S3Upload takes.
    fn take(&self, step: &serde_yaml_ng::Value) {
        for item in step["inputs"].as_sequence().unwrap() {
            let word = |key: &str| item[key].as_str().unwrap();
            let from = self.path("upper").join(word("source").trim_start_matches('/'));
            let key = word("destination").strip_prefix("s3://bucket/").unwrap().to_owned();
            self.uploaded.borrow_mut().insert(key, std::fs::read(from).unwrap());
        }
    }

    /// The component's own files, as S3Download leaves them.
    fn bring(&self, component: &Component, step: &serde_yaml_ng::Value) {
        let list = step["inputs"].as_sequence().unwrap();
        for (file, item) in component.files.iter().zip(list) {
            self.file(item["destination"].as_str().unwrap(), &file.bytes);
        }
    }
}

impl Ran {
    /// That it ended well.
    pub fn is_well(&self) -> &Self {
        assert!(self.failed.is_none(), "{:?}: {}", self.failed, self.told);
        self
    }

    /// That a step failed with code 1 and said this.
    pub fn failed_at(&self, step: &str, said: &str) {
        assert_eq!(self.failed, Some((step.to_owned(), 1)), "{}", self.told);
        assert!(self.told.contains(said), "{said:?} is not in: {}", self.told);
    }
}
