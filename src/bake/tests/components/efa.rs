//! The EFA component.

use crate::installer::{Signed, signed};
use crate::recipe::{component, pins};
use crate::stage::{Ran, Stage};
use crate::web::Web;
use nixl_bake::content::Component;
use std::collections::BTreeMap;
use std::sync::OnceLock;

const VERSION: &str = "1.51.0";
const KERNEL: &str = "6.8.0-1021-aws";

/// Making keys takes a while: one archive for all tests that need a good one.
fn good() -> &'static Signed {
    static GOOD: OnceLock<Signed> = OnceLock::new();
    GOOD.get_or_init(|| signed(VERSION, ""))
}

struct Bench {
    web: Web,
    stage: Stage,
    component: Component,
    served: BTreeMap<String, Vec<u8>>,
}

impl Bench {
    /// What `release` is, served; its signer is trusted.
    fn new(base: &str, release: &Signed) -> Option<Self> {
        Self::trusting(base, release, &release.fingerprint)
    }

    fn trusting(base: &str, release: &Signed, fingerprint: &str) -> Option<Self> {
        let stage = Stage::new()?;
        let web = Web::new();
        let more = format!(
            "sets = [\"efa\"]\n[inputs.efa]\nmirror = \"{}\"\nfingerprint = \"{fingerprint}\"",
            web.url
        );
        let served = BTreeMap::from([
            ("efa.tar.gz".to_owned(), release.archive.clone()),
            ("efa.tar.gz.sig".to_owned(), release.signature.clone()),
            ("efa.key".to_owned(), release.key.clone()),
        ]);
        let archive = format!("aws-efa-installer-{VERSION}.tar.gz");
        *web.files.lock().unwrap() = BTreeMap::from([
            (format!("{archive}.sig"), release.signature.clone()),
            (archive, release.archive.clone()),
            ("aws-efa-installer.key".to_owned(), release.key.clone()),
        ]);
        for program in ["apt-get", "dnf"] {
            stage.stand_in(program, "");
        }
        stage.stand_in("dkms", "echo 'efa/3.3.1, 6.8.0-1021-aws, x86_64: installed'");
        stage.stand_in(
            "modinfo",
            &format!(
                "[[ ${{*: -1}} == efa ]] || exit 1; echo '{KERNEL} SMP mod_unload modversions'"
            ),
        );
        assert_eq!(stage.sh(&format!("mkdir -p /lib/modules/{KERNEL}")).0, 0);
        let component = component("efa", base, &more);
        Some(Self { web, stage, component, served })
    }

    fn run(&self) -> Ran {
        self.stage.run(&self.component, &pins(&self.component, &self.served))
    }
}

#[test]
fn it_installs_on_every_base_and_is_content_with_what_it_made() {
    for base in ["ubuntu-22.04", "ubuntu-24.04", "amazon-linux-2023", "debian-12"] {
        let Some(bench) = Bench::new(base, good()) else { return };
        bench.run().is_well();
        let (code, told) = bench.stage.sh("cat /opt/amazon/efa_installed_packages; ls /var/lib/nixl-bake /etc/modules-load.d/efa_nv_peermem.conf");
        assert_ne!(code, 0, "files of the build are gone, and so is what needs NVIDIA");
        assert!(told.contains(&format!("version: {VERSION}")), "{told}");
        assert_eq!(bench.stage.log().contains("apt-get"), base != "amazon-linux-2023");
        // Again, as after a reboot: nothing is installed twice.
        bench.stage.sh("rm /opt/amazon/efa/bin/fi_info");
        bench.run().failed_at("validate", "fi_info does not run");
    }
}

#[test]
fn with_nvidias_driver_its_module_for_gpu_memory_stays() {
    let Some(bench) = Bench::new("ubuntu-24.04", good()) else { return };
    bench.stage.stand_in("modinfo", &format!("echo '{KERNEL} SMP'"));
    bench.run().is_well();
    assert_eq!(bench.stage.sh("test -e /etc/modules-load.d/efa_nv_peermem.conf").0, 0);
}

#[test]
fn who_did_not_sign_it_is_not_trusted() {
    let other = signed(VERSION, "");
    let Some(bench) = Bench::trusting("ubuntu-24.04", &other, &good().fingerprint) else { return };
    let ran = bench.run();
    let said = format!("is signed by {}, not by {}", other.fingerprint, good().fingerprint);
    ran.failed_at("install", &said);
    assert_ne!(bench.stage.sh("ls /opt/amazon").0, 0, "nothing of it ran");
}

#[test]
fn what_was_changed_is_not_run_even_if_the_lock_was_made_of_it() {
    let mut changed = signed(VERSION, "");
    changed.archive = good().archive.clone();
    let Some(bench) = Bench::new("ubuntu-24.04", &changed) else { return };
    bench.run().failed_at("install", "the signature of the EFA installer is not good");
    assert_ne!(bench.stage.sh("ls /opt/amazon").0, 0);
}

#[test]
fn what_is_not_what_the_lock_says_is_not_even_looked_at() {
    let Some(mut bench) = Bench::new("ubuntu-24.04", good()) else { return };
    let archive = bench.served.get_mut("efa.tar.gz").unwrap();
    *archive.last_mut().unwrap() ^= 1;
    bench.run().failed_at("fetch", "recipe.lock says");
    let archive = bench.served.get_mut("efa.tar.gz").unwrap();
    archive.push(0);
    bench.run().failed_at("fetch", "bytes, recipe.lock says");
    bench.web.files.lock().unwrap().clear();
    bench.run().failed_at("fetch", "not downloaded (curl's exit code 22)");
}

#[test]
fn a_failing_installer_ends_the_build_with_its_code() {
    let failing = signed(VERSION, "EFA_STAND_IN_EXIT=42");
    let Some(bench) = Bench::new("amazon-linux-2023", &failing) else { return };
    bench.run().failed_at("install", "the EFA installer ended with exit code 42");
    let another = signed("1.50.0", "");
    let Some(bench) = Bench::new("amazon-linux-2023", &another) else { return };
    bench.run().failed_at("validate", "does not name installer 1.51.0");
}

#[test]
fn what_really_breaks_is_seen() {
    let Some(bench) = Bench::new("ubuntu-24.04", good()) else { return };
    bench.run().is_well();
    let ran = || bench.run();
    bench.stage.stand_in("dkms", "echo 'efa/3.3.1, 6.8.0-1021-aws, x86_64: added'");
    ran().failed_at("validate", "modules that are not built: efa/3.3.1");
    bench.stage.stand_in("dkms", "");
    bench.stage.sh("mkdir /lib/modules/6.8.0-1030-aws");
    ran().failed_at("validate", "module efa is for kernel 6.8.0-1021-aws, not for 6.8.0-1030-aws");
    bench
        .stage
        .sh("rmdir /lib/modules/6.8.0-1030-aws; rm /etc/ld.so.conf.d/000_efa.conf; ldconfig");
    ran().failed_at("validate", "not EFA's");
}
