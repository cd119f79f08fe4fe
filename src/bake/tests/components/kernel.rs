//! The kernel component.

use crate::recipe::{component, pins};
use crate::stage::{Ran, Stage};
use std::collections::BTreeMap;

const OLD: &str = "6.8.0-1030-aws";
const WANTED: &str = "6.8.0-1021-aws";

/// A stage that runs `OLD`; packages make kernels, a reboot takes the chosen one.
fn stage() -> Option<Stage> {
    let mut stage = Stage::new()?;
    stage.stand_in("uname", "cat /etc/stand-in-kernel");
    stage.stand_in(
        "apt-get",
        "for word; do case $word in
            linux-image-[0-9]*)
                if [[ $1 == install ]]; then mkdir -p /lib/modules/${word#linux-image-}
                else rmdir /lib/modules/${word#linux-image-}; fi ;;
        esac; done",
    );
    stage.stand_in(
        "dpkg-query",
        "for kernel in /lib/modules/*; do echo \"ii linux-image-${kernel##*/}\"; done; echo 'rc linux-image-5.15.0-1-aws'",
    );
    stage.stand_in(
        "apt-mark",
        "[[ $1 == hold ]] && echo \"${@:2}\" >/etc/stand-in-held || cat /etc/stand-in-held",
    );
    stage.stand_in("update-grub", "");
    stage.on_reboot = format!(
        "grep -qs 'with Linux {WANTED}' /etc/default/grub.d/99-nixl.cfg && echo {WANTED} >/etc/stand-in-kernel || true"
    );
    let setup = format!(
        "mkdir -p /etc/default/grub.d /lib/modules/{OLD}; echo {OLD} >/etc/stand-in-kernel"
    );
    assert_eq!(stage.sh(&setup).0, 0);
    Some(stage)
}

fn run(stage: &Stage, version: &str) -> Ran {
    let more = format!("sets = [\"kernel\"]\n[inputs.kernel]\nversion = \"{version}\"");
    let component = component("kernel", "ubuntu-24.04", &more);
    stage.run(&component, &pins(&component, &BTreeMap::new()))
}

#[test]
fn the_kernel_that_is_wanted_runs_after_one_reboot_and_is_the_only_one() {
    let Some(stage) = stage() else { return };
    let ran = run(&stage, WANTED);
    assert_eq!(ran.is_well().reboots, 1);
    let (_, told) = stage.sh("ls /lib/modules; cat /etc/stand-in-held; ls /etc/default/grub.d");
    assert!(told.starts_with(&format!("{WANTED}\n")) && !told.contains(OLD), "{told}");
    assert!(told.contains(&format!("linux-image-{WANTED}")), "{told}");
    assert!(!told.contains("99-nixl.cfg"), "{told}");
    assert!(!stage.log().contains("purge --yes linux-image-5.15"), "it was removed already");
}

#[test]
fn without_a_wish_the_bases_own_is_held() {
    let Some(stage) = stage() else { return };
    assert_eq!(run(&stage, "").is_well().reboots, 0);
    assert!(stage.log().contains(&format!("apt-mark hold linux-image-{OLD}")));
}

#[test]
fn a_reboot_that_does_not_help_ends_the_build() {
    let Some(mut stage) = stage() else { return };
    stage.on_reboot = "true".to_owned();
    let ran = run(&stage, WANTED);
    assert_eq!(ran.reboots, 1);
    ran.failed_at(
        "install",
        &format!("a reboot did not help: kernel {OLD} runs, {WANTED} is wanted"),
    );
}

#[test]
fn a_package_that_is_not_to_be_had_ends_the_build() {
    let Some(stage) = stage() else { return };
    stage.stand_in(
        "apt-get",
        "[[ $1 != install ]] || { echo 'Unable to locate package'; exit 100; }",
    );
    // Its four tries should not take a test's time.
    stage.stand_in("sleep", "");
    let ran = run(&stage, WANTED);
    ran.failed_at("install", "gave up after four tries: apt-get install");
    assert_eq!(ran.reboots, 0);
}
