//! vLLM and NIXL.

use crate::recipe::{component, pins};
use crate::stage::{Ran, Stage};
use std::collections::BTreeMap;
use std::process::Command;

/// A Python whose pip installs one plugin, and libraries as they are where EFA is.
fn stage() -> Option<Stage> {
    let stage = Stage::new()?;
    for program in ["apt-get", "sleep"] {
        stage.stand_in(program, "");
    }
    stage.stand_in(
        "python3.12",
        "for venv; do true; done; mkdir -p $venv/bin; cp /etc/stand-in-python $venv/bin/python; chmod 755 $venv/bin/python",
    );
    let python = "#!/bin/bash\necho \"python $*\" >>/run/nixl-stand-ins/log
        [[ $3 != install ]] || { for list; do true; done; [[ -s $list ]] || exit 1; cp /etc/stand-in-plugin /opt/nixl/venv/libplugin_LIBFABRIC.so; }\n";
    stage.file("/etc/stand-in-python", python.as_bytes());

    let folder = tempfile::tempdir().unwrap();
    let build = |name: &str, needs: &[&str]| {
        let soname = format!("-Wl,-soname,{name},--no-as-needed");
        let source = folder.path().join("empty.c");
        std::fs::write(&source, "int empty;\n").unwrap();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", &soname, "-o", name, "empty.c"])
            .args(needs)
            .current_dir(folder.path())
            .status()
            .unwrap();
        assert!(built.success());
        std::fs::read(folder.path().join(name)).unwrap()
    };
    stage.file("/opt/amazon/efa/lib/libfabric.so.1", &build("libfabric.so.1", &[]));
    stage.file("/opt/amazon/efa/lib/libefa.so.1", &build("libefa.so.1", &[]));
    build("libcudart.so.13", &[]);
    let plugin = build("libplugin_LIBFABRIC.so", &["./libfabric.so.1", "./libcudart.so.13"]);
    stage.file("/etc/stand-in-plugin", &plugin);
    stage.file("/etc/ld.so.conf.d/000_efa.conf", b"/opt/amazon/efa/lib\n");
    assert_eq!(stage.sh("ldconfig").0, 0);
    Some(stage)
}

fn run(stage: &Stage) -> Ran {
    let component = component("inference", "ubuntu-24.04", "sets = [\"inference\"]");
    stage.run(&component, &pins(&component, &BTreeMap::new()))
}

#[test]
fn nothing_is_taken_that_is_not_in_the_list_by_its_hash() {
    let Some(stage) = stage() else { return };
    run(&stage).is_well();
    let log = stage.log();
    for flag in ["--require-hashes", "--only-binary :all:", "--no-deps"] {
        assert!(log.contains(flag), "{log}");
    }
    let list = include_str!("../../../../image/inference/requirements.txt");
    let packages: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    for line in &packages {
        let (name, hash) = line.split_once(" --hash=sha256:").unwrap();
        assert!(name.contains("==") && hash.len() == 64, "{line}");
    }
    for name in ["vllm==", "nixl==", "nixl-cu13==", "torch=="] {
        assert!(packages.iter().any(|line| line.starts_with(name)), "{name}");
    }
}

#[test]
fn what_the_plugin_needs_must_be_there_and_be_efas() {
    let Some(stage) = stage() else { return };
    run(&stage).is_well();
    stage.sh("mv /opt/amazon/efa/lib/libfabric.so.1 /usr/local/lib/ && ldconfig");
    run(&stage).failed_at("validate", "takes another libfabric than EFA's");
    stage.sh("rm -f /usr/local/lib/libfabric* /usr/lib/*/libfabric.so* && ldconfig");
    run(&stage).failed_at("validate", "lacks: libfabric.so.1");
    stage.sh("rm /etc/stand-in-plugin");
    run(&stage).failed_at("install", "gave up after four tries");
}
