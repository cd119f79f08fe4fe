//! NVIDIA's driver.

use crate::recipe::{component, pins};
use crate::stage::{Ran, Stage};
use nixl_bake::content::Component;
use nixl_bake::hash::Sum;
use nixl_bake::lock::{Pin, Pins};
use std::collections::BTreeMap;

const KERNEL: &str = "6.8.0-1021-aws";
const VERSION: &str = "580.126.20";

fn driver(base: &str) -> (Component, Pins) {
    let mut component = component("nvidia-driver", base, "sets = [\"gpu\"]");
    assert_eq!(component.downloads.len(), 1, "the archive of this base only");
    // NVIDIA's archive cannot be served here: it is put in place as if it had been fetched.
    component.downloads.clear();
    let mut pins = pins(&component, &BTreeMap::new());
    let key = ("nvidia-driver".to_owned(), "archive".to_owned());
    pins.downloads.insert(key, Pin { size_bytes: 0, sha256: Sum::of(b"") });
    component.files.push(nixl_bake::content::File {
        name: "archive".to_owned(),
        bytes: std::sync::Arc::new(b"archive".to_vec()),
        sum: Sum::of(b"archive"),
    });
    (component, pins)
}

/// Installers that leave a driver of `VERSION` behind.
fn stage(license: &str) -> Option<Stage> {
    let stage = Stage::new()?;
    let install = "if [[ $* == *install*nvidia-open* ]]; then
        printf '#!/bin/sh\\necho Fabric Manager version is : VERSION\\n' >/usr/bin/nv-fabricmanager
        chmod 755 /usr/bin/nv-fabricmanager; touch /lib/modules/driver; fi"
        .replace("VERSION", VERSION);
    for program in ["apt-get", "dnf"] {
        stage.stand_in(program, &install);
    }
    for program in ["dpkg", "apt-mark"] {
        stage.stand_in(program, "");
    }
    stage.stand_in("uname", &format!("echo {KERNEL}"));
    stage.stand_in("dkms", "echo 'nvidia/580.126.20, 6.8.0-1021-aws, x86_64: installed'");
    stage.stand_in(
        "ldconfig",
        "echo '	libcuda.so.1 (libc6,x86-64) => /usr/lib/x86_64-linux-gnu/libcuda.so.1'",
    );
    stage.stand_in(
        "modinfo",
        &format!(
            "[[ -e /lib/modules/driver ]] || exit 1
             case \"$*\" in *vermagic*) echo '{KERNEL} SMP' ;; *version*) echo {VERSION} ;; *license*) echo '{license}' ;; esac"
        ),
    );
    stage.stand_in(
        "systemctl",
        "case $1 in enable) printf '%s\\n' \"${@:2}\" >>/etc/stand-in-enabled ;;
            is-enabled) grep -qxF \"$2\" /etc/stand-in-enabled && echo enabled || { echo disabled; exit 1; } ;; esac",
    );
    assert_eq!(
        stage.sh(&format!("mkdir -p /lib/modules/{KERNEL} /etc/modprobe.d /etc/yum.repos.d")).0,
        0
    );
    Some(stage)
}

fn run(stage: &Stage, base: &str) -> Ran {
    let (component, pins) = driver(base);
    stage.run(&component, &pins)
}

#[test]
fn driver_and_fabric_manager_are_one_version_and_held() {
    let Some(stage) = stage("Dual MIT/GPL") else { return };
    run(&stage, "ubuntu-24.04").is_well();
    let log = stage.log();
    assert!(
        log.contains("nvidia-open-580=580.126.20-* nvidia-fabricmanager-580=580.126.20-*"),
        "{log}"
    );
    assert!(log.contains("apt-mark hold nvidia-open-580 nvidia-fabricmanager-580"), "{log}");
    assert!(log.contains("linux-headers-6.8.0-1021-aws"), "modules are built for what runs");
}

#[test]
fn amazon_linux_takes_the_open_stream() {
    let Some(stage) = stage("Dual MIT/GPL") else { return };
    run(&stage, "amazon-linux-2023").is_well();
    let log = stage.log();
    assert!(log.contains("dnf module enable --assumeyes nvidia-driver:580-open"), "{log}");
    assert!(log.contains("nvidia-open-580.126.20 nvidia-fabricmanager-580.126.20"), "{log}");
}

#[test]
fn what_really_breaks_is_seen() {
    let Some(closed) = stage("NVIDIA") else { return };
    run(&closed, "ubuntu-24.04")
        .failed_at("validate", "these are not the open modules (license NVIDIA)");
    let Some(stage) = stage("Dual MIT/GPL") else { return };
    run(&stage, "ubuntu-24.04").is_well();
    stage.stand_in("dkms", "echo 'nvidia/580.126.20: added'");
    run(&stage, "ubuntu-24.04").failed_at("validate", "modules that are not built");
    stage.stand_in("dkms", "");
    stage.stand_in("nv-fabricmanager", "echo 'Fabric Manager version is : 580.95.05'");
    run(&stage, "ubuntu-24.04").failed_at("validate", "fabric manager is another version");
}

#[test]
fn fabric_manager_runs_only_where_there_is_an_nvswitch() {
    let Some(stage) = stage("Dual MIT/GPL") else { return };
    run(&stage, "ubuntu-24.04").is_well();
    let (_, unit) = stage.sh("cat /etc/systemd/system/nvidia-fabricmanager.service.d/nixl.conf");
    let condition = unit.lines().find_map(|line| line.strip_prefix("ExecCondition=")).unwrap();
    // As systemd reads it: two dollar signs are one.
    let condition = condition.replace("$$", "$").replace("/sys/bus/pci/devices", "/etc/pci");
    let device = |vendor: &str, class: &str| {
        format!(
            "mkdir -p /etc/pci/{vendor}{class}; cd /etc/pci/{vendor}{class}; echo {vendor} >vendor; echo {class} >class; "
        )
    };
    let gpu = device("0x10de", "0x030200");
    assert_eq!(stage.sh(&format!("{gpu}{condition}")).0, 1);
    let switch = device("0x10de", "0x068000");
    assert_eq!(stage.sh(&format!("{switch}{condition}")).0, 0);
}
