//! GDRCopy, from sources that are laid out as NVIDIA's.

use crate::recipe::{component, pins};
use crate::stage::{Ran, Stage};
use crate::web::Web;
use nixl_bake::content::Component;
use std::collections::BTreeMap;
use std::process::Command;

const KERNEL: &str = "6.8.0-1021-aws";
const ARCHIVE: &str = "gdrcopy.tar.gz";
/// NVIDIA's own, for dkms.
const CONF: &str = r#"PACKAGE_NAME="gdrdrv"
PACKAGE_VERSION="@FULL_VERSION@"
DEST_MODULE_LOCATION[0]="@MODULE_LOCATION@"
MAKE[0]="cd $dkms_tree/gdrdrv/@VERSION@/build && make CONF_SCRIPT_DIR=scripts KVER=$kernelver"
"#;
/// As dkms: it builds what is in /usr/src under this name, and says so.
const DKMS: &str = r#"case "$1" in
    add) [[ -e /usr/src/gdrdrv-2.6/gdrdrv.c && -x /usr/src/gdrdrv-2.6/scripts/test.sh ]] ;;
    install) [[ -z $DKMS_FAILS ]] && cd "/lib/modules/$7" && mkdir -p updates/dkms && touch updates/dkms/gdrdrv.ko \
        && echo "updates/dkms/gdrdrv.ko: updates/dkms/${NVIDIA:-nvidia}.ko.zst" >modules.dep ;;
    status) echo 'gdrdrv/2.6, 6.8.0-1021-aws, x86_64: installed' ;;
esac"#;
/// As make with NVIDIA's Makefile: a library with its two other names.
const MAKE: &str = r#"[[ $* == "-C gdrcopy lib_install" && -e gdrcopy/Makefile ]] || exit 2
cd /usr/local/lib && cp /bin/true libgdrapi.so.2.6 && ln -sf libgdrapi.so.2.6 libgdrapi.so.2"#;

/// A stage with a driver, a web server and the component.
struct Bench {
    web: Web,
    stage: Stage,
    component: Component,
    served: BTreeMap<String, Vec<u8>>,
}

fn archive() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("gdrcopy-2.6");
    for (name, text) in [
        ("Makefile", ""),
        ("packages/dkms.conf", CONF),
        ("scripts/test.sh", "#!/bin/sh\n"),
        ("src/gdrdrv/gdrdrv.c", ""),
    ] {
        let path = at.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut tar = Command::new("tar");
    let output = tar.args(["--create", "--gzip", "gdrcopy-2.6"]).current_dir(&folder);
    output.output().unwrap().stdout
}

impl Bench {
    fn new(base: &str) -> Option<Self> {
        let stage = Stage::new()?;
        let web = Web::new();
        let served = BTreeMap::from([(ARCHIVE.to_owned(), archive())]);
        web.files.lock().unwrap().insert("v2.6.tar.gz".to_owned(), served[ARCHIVE].clone());
        for program in ["apt-get", "dnf"] {
            stage.stand_in(program, "");
        }
        stage.stand_in("uname", &format!("echo {KERNEL}"));
        stage.stand_in("dkms", DKMS);
        stage.stand_in("make", MAKE);
        stage.stand_in("modprobe", "");
        stage.stand_in(
            "ldconfig",
            "[[ -z $1 ]] || printf '\\tlibgdrapi.so.2 (libc6,x86-64) => /usr/local/lib/libgdrapi.so.2\\n'",
        );
        stage.stand_in(
            "modinfo",
            &format!(
                "[[ -e /lib/modules/$2/updates/dkms/gdrdrv.ko ]] || exit 1
                 case \"$*\" in *vermagic*) echo '{KERNEL} SMP' ;; *version*) echo 2.6 ;; esac"
            ),
        );
        stage.stand_in(
            "systemctl",
            "case $1 in enable) echo \"$2\" >/etc/stand-in-enabled ;;
                is-enabled) grep -qxF \"$2\" /etc/stand-in-enabled && echo enabled || exit 1 ;; esac",
        );
        // systemd wants what a unit starts to be there; not every computer has modprobe.
        let ground = format!(
            "mkdir -p /lib/modules/{KERNEL} /usr/src/nvidia-580.126.20/nvidia /etc/modules-load.d
             touch /usr/src/nvidia-580.126.20/nvidia/nv-p2p.h
             ln -sf /bin/true /usr/sbin/modprobe"
        );
        assert_eq!(stage.sh(&ground).0, 0);
        let more = format!("sets = [\"gpu\"]\n[inputs.gdrcopy]\nmirror = \"{}\"", web.url);
        Some(Self { component: component("gdrcopy", base, &more), web, stage, served })
    }

    fn run(&self) -> Ran {
        self.stage.run(&self.component, &pins(&self.component, &self.served))
    }
}

#[test]
fn module_and_library_are_built_and_the_module_waits_for_a_gpu() {
    for base in ["ubuntu-22.04", "ubuntu-24.04", "amazon-linux-2023"] {
        let Some(bench) = Bench::new(base) else { return };
        bench.run().is_well();
        let log = bench.stage.log();
        assert!(log.contains(&format!("dkms install -m gdrdrv -v 2.6 -k {KERNEL}")), "{log}");
        assert_eq!(log.contains("apt-get"), base != "amazon-linux-2023");
        let (_, conf) = bench.stage.sh("cat /usr/src/gdrdrv-2.6/dkms.conf");
        assert!(conf.contains("PACKAGE_VERSION=\"2.6\"") && !conf.contains('@'), "{conf}");
        assert!(conf.contains("\"/kernel/drivers/misc/\""), "{conf}");
        assert!(!log.contains("modprobe"), "nothing is loaded on the builder: {log}");
    }
}

#[test]
fn what_is_not_what_the_lock_says_is_not_built() {
    let Some(bench) = Bench::new("ubuntu-24.04") else { return };
    let path = "v2.6.tar.gz".to_owned();
    let mut bytes = bench.served[ARCHIVE].clone();
    *bytes.last_mut().unwrap() ^= 1;
    bench.web.files.lock().unwrap().insert(path.clone(), bytes.clone());
    bench.run().failed_at("fetch", "recipe.lock says");
    bytes.pop();
    bench.web.files.lock().unwrap().insert(path, bytes);
    bench.run().failed_at("fetch", "bytes, recipe.lock says");
    assert!(!bench.stage.log().contains("dkms"));
}

#[test]
fn without_the_drivers_sources_or_with_a_failing_compiler_the_build_ends() {
    let Some(bench) = Bench::new("ubuntu-24.04") else { return };
    let failing = format!(
        "DKMS_FAILS=$(cat /etc/dkms-fails 2>/dev/null)
         mkdir -p /var/lib/dkms/gdrdrv/2.6/build; echo 'gdrdrv.c:1: error: no' >/var/lib/dkms/gdrdrv/2.6/build/make.log
         {DKMS}"
    );
    bench.stage.stand_in("dkms", &failing);
    bench.stage.sh("echo yes >/etc/dkms-fails");
    let ran = bench.run();
    ran.failed_at("install", &format!("gdrdrv 2.6 is not built for kernel {KERNEL}"));
    assert!(ran.told.contains("gdrdrv.c:1: error: no"), "{}", ran.told);
    bench.stage.sh("rm -r /usr/src/nvidia-580.126.20");
    bench.run().failed_at("install", "no sources of NVIDIA's driver");
}

#[test]
fn what_really_breaks_is_seen() {
    let Some(bench) = Bench::new("ubuntu-24.04") else { return };
    bench.run().is_well();
    let broken = |program: &str, script: &str, said: &str| {
        let Some(bench) = Bench::new("ubuntu-24.04") else { return };
        bench.stage.stand_in(program, script);
        bench.run().failed_at("validate", said);
    };
    broken("modinfo", "echo 6.1.0-1-aws SMP", "module gdrdrv is for kernel 6.1.0-1-aws");
    broken(
        "modinfo",
        &format!("case $4 in vermagic) echo '{KERNEL} SMP' ;; *) echo 2.5 ;; esac"),
        "gdrdrv 2.5 is there, not 2.6",
    );
    let dummy = format!("NVIDIA=nv-p2p-dummy; {DKMS}");
    broken("dkms", &dummy, "needs updates/dkms/nv-p2p-dummy.ko.zst, not NVIDIA's");
    broken("ldconfig", "", "the loader does not know libgdrapi.so.2");
    let list = "/etc/modules-load.d/gdrcopy.conf";
    let make = format!("{MAKE}; echo gdrdrv >{list}");
    broken("make", &make, &format!("with or without a GPU: {list}"));
}

#[test]
fn an_instance_with_a_gpu_has_the_device() {
    let Some(bench) = Bench::new("ubuntu-24.04") else { return };
    let test = || bench.stage.test(&bench.component, &pins(&bench.component, &bench.served));
    bench.stage.stand_in("systemctl", "[[ $* == 'start nixl-gdrdrv.service' ]]");
    bench.stage.stand_in("awk", "echo 511");
    bench.stage.stand_in("stat", "echo character special file 1ff 666");
    test().is_well();
    bench.stage.stand_in("stat", "echo character special file 1fe 666");
    test().failed_at("test", "not the module's device for all users");
    bench.stage.stand_in("stat", "exit 1");
    test().failed_at("test", "there is no /dev/gdrdrv");
    bench.stage.stand_in("awk", "");
    test().failed_at("test", "gdrdrv is not loaded");
    bench.stage.stand_in("systemctl", "exit 1");
    test().failed_at("test", "cannot be loaded");
}

#[test]
fn the_unit_does_nothing_without_a_gpu_and_makes_the_device_of_the_kernels_number() {
    let Some(bench) = Bench::new("ubuntu-24.04") else { return };
    bench.run().is_well();
    let (_, unit) = bench.stage.sh("cat /etc/systemd/system/nixl-gdrdrv.service");
    // As systemd reads it: two dollar signs are one.
    let line = |key: &str, at: usize| {
        let lines: Vec<&str> = unit.lines().filter_map(|line| line.strip_prefix(key)).collect();
        lines[at].replace("$$", "$").replace("/sys/bus/pci/devices", "/etc/pci")
    };
    let condition = line("ExecCondition=", 0);
    let device = |vendor: &str, class: &str| {
        format!(
            "rm -rf /etc/pci; mkdir -p /etc/pci/a; echo {vendor} >/etc/pci/a/vendor; echo {class} >/etc/pci/a/class; {condition}"
        )
    };
    for (vendor, class, code) in [
        ("0x10de", "0x030200", 0),
        ("0x10de", "0x030000", 0),
        ("0x10de", "0x068000", 1),
        ("0x1d0f", "0x030000", 1),
    ] {
        assert_eq!(bench.stage.sh(&device(vendor, class)).0, code, "{vendor} {class}");
    }
    assert_eq!(line("ExecStart=", 0), "/sbin/modprobe gdrdrv");
    let node = line("ExecStart=", 1)
        .replace("/proc/devices", "/etc/devices")
        .replace("/dev/gdrdrv", "/etc/gdrdrv");
    let made = format!(
        "printf 'Character devices:\\n  1 mem\\n511 gdrdrv\\n510 other\\n' >/etc/devices; umask 077; {node}"
    );
    for _ in 0..2 {
        assert_eq!(bench.stage.sh(&made), (0, String::new()));
    }
    assert_eq!(bench.stage.sh("stat --format '%t %a' /etc/gdrdrv").1.trim(), "1ff 666");
    let absent = format!("printf '  1 mem\\n' >/etc/devices; {node}");
    assert_ne!(bench.stage.sh(&absent).0, 0, "no number, no device");
}
