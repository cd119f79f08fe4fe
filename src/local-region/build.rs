//! Builds the library that gives a machine a clock of its own; `machine::clock`
//! carries it in the program. It has no dependency, so the compiler alone does.

use std::env::var;
use std::process::{Command, exit};

const SOURCE: &str = "src/machine/clock/preload.rs";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    let known = |name: &str| var(name).unwrap_or_else(|_| panic!("cargo sets {name}"));
    let mut rustc = Command::new(known("RUSTC"));
    rustc
        .args(["--edition=2024", "--crate-type=cdylib", "--crate-name=machine_clock"])
        .args(["-O", "-Cpanic=abort", "-Cstrip=symbols", "--target", &known("TARGET")])
        .args(["-o", &format!("{}/machine-clock.so", known("OUT_DIR")), SOURCE]);
    if let Ok(linker) = var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    match rustc.status() {
        Ok(status) if status.success() => {}
        other => {
            println!("cargo::error=the library of machine clocks was not built: {other:?}");
            exit(1);
        }
    }
}
