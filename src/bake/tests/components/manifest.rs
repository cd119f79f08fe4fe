//! The component that tells what is in the image.

use crate::recipe::{component, pins};
use crate::stage::{Ran, Stage};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

const JUDGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/judges/cyclonedx_judge.py");

/// What CycloneDX's own judge, in the tests' venv (`NIXL_REGION_VENV`), complains of.
/// `None` where there is none, which is a failure if nothing may be left out.
fn complaints(sboms: &[serde_json::Value]) -> Option<String> {
    let Some(venv) = std::env::var_os("NIXL_REGION_VENV").map(PathBuf::from) else {
        assert!(std::env::var_os("NIXL_TEST_ALL").is_none(), "NIXL_REGION_VENV is not set");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut judge = Command::new(venv.join("bin/python"));
    judge.arg(JUDGE);
    for (number, sbom) in sboms.iter().enumerate() {
        let path = folder.path().join(number.to_string());
        std::fs::write(&path, sbom.to_string()).unwrap();
        judge.arg(path);
    }
    let output = judge.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.success(), told.is_empty(), "{told}");
    Some(told)
}

fn run(stage: &Stage) -> Ran {
    let component = component("manifest", "debian-12", "");
    stage.run(&component, &pins(&component, &BTreeMap::new()))
}

fn uploaded(stage: &Stage, name: &str) -> serde_json::Value {
    let key = stage.image.key(name);
    serde_json::from_slice(&stage.uploaded.borrow()[&key]).unwrap()
}

#[test]
fn what_is_there_is_told_in_both_forms() {
    let Some(stage) = Stage::new() else { return };
    let site = "/opt/nixl/venv/lib/python3.12/site-packages";
    stage.file(&format!("{site}/nixl-1.5.1.dist-info/METADATA"), b"Name: nixl\nVersion: 1.5.1\n");
    stage.file(
        "/opt/amazon/efa_installed_packages",
        b"# EFA installer version: 1.51.0\n# Debug packages installed: no\n",
    );
    assert_eq!(stage.sh("mkdir -p /lib/modules/6.8.0-1021-aws /usr/src/gdrdrv-2.6").0, 0);
    stage.stand_in(
        "modinfo",
        "case \"$*\" in *nvidia) echo 580.126.20 ;; *) echo \"modinfo: no module\" >&2; exit 1 ;; esac",
    );
    run(&stage).is_well();

    let manifest = uploaded(&stage, "manifest.json");
    assert_eq!(manifest["inputs"]["base"], "1/it's a base");
    assert_eq!(manifest["digest"], stage.image.digest.hex());
    let versions = &manifest["versions"];
    assert_eq!(versions["kernel"], "6.8.0-1021-aws");
    assert_eq!(versions["nvidia-driver"], "580.126.20");
    assert_eq!(versions["efa-installer"], "1.51.0");
    assert_eq!((&versions["nixl"], &versions["gdrcopy"]), (&"1.5.1".into(), &"2.6".into()));
    assert!(versions.get("efa-driver").is_none() && versions.get("vllm").is_none());
    let packages = manifest["packages"].as_array().unwrap();
    assert!(packages.iter().any(|one| one["kind"] == "deb" && one["name"] == "bash"));

    let sbom = uploaded(&stage, "sbom.cdx.json");
    let purls: Vec<_> = sbom["components"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["purl"].as_str())
        .collect();
    assert_eq!(purls.len(), packages.len());
    assert!(purls.contains(&"pkg:github/nvidia/gdrcopy@v2.6"), "{purls:?}");
    assert!(purls.contains(&"pkg:pypi/nixl@1.5.1"), "{purls:?}");
    assert!(purls.iter().any(|purl| purl.starts_with("pkg:deb/debian/bash@")), "{purls:?}");

    let Some(told) = complaints(std::slice::from_ref(&sbom)) else { return };
    assert_eq!(told, "");
    let spoiled = |at: &str, value: &str| {
        let mut spoiled = sbom.clone();
        spoiled["components"].as_array_mut().unwrap().truncate(2);
        *spoiled.pointer_mut(at).unwrap() = value.into();
        spoiled
    };
    let twice = sbom["components"][1]["bom-ref"].as_str().unwrap();
    let told = complaints(&[
        spoiled("/components/0/bom-ref", twice),
        spoiled("/components/0/type", "part"),
        spoiled("/components/0/purl", "bash"),
    ])
    .unwrap();
    let told: Vec<&str> = told.lines().filter(|line| line.contains(": ")).collect();
    let why = ["is there 2 times", "not CycloneDX 1.6", "bash: "];
    assert!(told.len() == 3 && told.iter().zip(why).all(|(it, why)| it.contains(why)), "{told:?}");
}

#[test]
fn a_list_that_is_not_of_this_image_ends_the_build() {
    let Some(stage) = Stage::new() else { return };
    // Validated when all components are installed: one of them removed a package.
    stage.stand_in(
        "dpkg-query",
        "/usr/bin/dpkg-query \"$@\" | if [[ -e /usr/share/nixl/manifest.json ]]; then grep -v bash; else cat; fi",
    );
    run(&stage).failed_at("validate", "installed and listed are not the same: ['bash'");
    assert!(stage.uploaded.borrow().is_empty(), "what is not right is not kept");
}
