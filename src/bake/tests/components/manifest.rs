//! The component that tells what is in the image.

use crate::recipe::{component, pins};
use crate::stage::{Ran, Stage};
use std::collections::BTreeMap;

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
