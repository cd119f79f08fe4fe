//! Builds the libraries that machines are given: a clock of their own
//! (`machine::clock`) and GPUs (`machine::gpus`). They are carried in the
//! program and have no dependency, so the compiler alone does.

use std::env::var;
use std::process::{Command, exit};

const LIBRARIES: [(&str, &str); 2] = [
    ("src/machine/clock/preload.rs", "machine-clock.so"),
    ("src/machine/gpus/nvml.rs", "libnvidia-ml.so.1"),
];

fn main() {
    // Debian's name of the folder for libraries of one architecture.
    let arch = var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    println!("cargo::rustc-env=LIBRARIES={arch}-linux-gnu");
    for (source, library) in LIBRARIES {
        build(source, library);
    }
}

fn build(source: &str, library: &str) {
    println!("cargo::rerun-if-changed={source}");
    let known = |name: &str| var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let mut rustc = Command::new(known("RUSTC"));
    rustc
        .args(["--edition=2024", "--crate-type=cdylib", "--crate-name=machine_library"])
        .args(["-O", "-Cpanic=abort", "-Cstrip=symbols", "--target", &known("TARGET")])
        .args(["-o", &format!("{}/{library}", known("OUT_DIR")), source]);
    if let Ok(linker) = var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    match rustc.status() {
        Ok(status) if status.success() => {}
        other => {
            println!("cargo::error={library}, for machines, was not built: {other:?}");
            exit(1);
        }
    }
}
