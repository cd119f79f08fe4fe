//! The program as a person meets it, without AWS.

#![allow(clippy::unwrap_used)]

use assert_cmd::Command;
use std::path::PathBuf;

fn bake() -> Command {
    let mut command = Command::cargo_bin("nixl-bake").unwrap();
    command.env_clear().env("PATH", "/usr/bin:/bin").env("AWS_EC2_METADATA_DISABLED", "true");
    // No file of the person who runs the tests may give credentials.
    command.env("HOME", "/nonexistent").env("AWS_REGION", "eu-west-1");
    command
}

/// A copy of the shipped image folder with a systemd tree and a daemon.
fn checkout() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../image");
    let image = folder.path().join("image");
    for entry in std::fs::read_dir(shipped).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            let to = image.join(entry.file_name());
            std::fs::create_dir_all(&to).unwrap();
            for file in std::fs::read_dir(entry.path()).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        } else {
            std::fs::create_dir_all(&image).unwrap();
            std::fs::copy(entry.path(), image.join(entry.file_name())).unwrap();
        }
    }
    let unit = folder.path().join("systemd/usr/lib/systemd/system/nixl-noded.service");
    std::fs::create_dir_all(unit.parent().unwrap()).unwrap();
    std::fs::write(unit, "[Service]\n").unwrap();
    let noded = folder.path().join("nixl-noded");
    std::fs::copy("/bin/true", &noded).unwrap();
    let recipe = image.join("recipe.toml");
    (folder, recipe, noded)
}

/// Runs, expects failure with `code`, returns stderr.
fn refused(command: &mut Command, code: i32) -> String {
    let output = command.assert().code(code).get_output().clone();
    assert!(output.stdout.is_empty(), "the result channel stays clean");
    String::from_utf8(output.stderr).unwrap()
}

fn one_line(told: &str) -> &str {
    let mut lines = told.lines();
    let line = lines.next().expect("something is told");
    assert_eq!(lines.next(), None, "{told}");
    line
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let told = refused(bake().args(["build", "--noded", "x", "--recipee", "y"]), 2);
    assert!(told.contains("--recipee") && told.contains("--recipe"), "{told}");
}

#[test]
fn without_a_daemon_binary_it_says_which_flag() {
    assert!(refused(bake().arg("build"), 2).contains("--noded"));
}

#[test]
fn a_missing_recipe_is_named() {
    let told = refused(
        bake().args(["build", "--recipe", "/nonexistent/recipe.toml", "--noded", "/bin/true"]),
        1,
    );
    assert!(one_line(&told).contains("/nonexistent/recipe.toml"), "{told}");
}

#[test]
fn a_missing_daemon_is_named() {
    let (_folder, recipe, _) = checkout();
    let told =
        refused(bake().args(["build", "--noded", "/nonexistent/noded", "--recipe"]).arg(recipe), 1);
    assert!(one_line(&told).contains("/nonexistent/noded"), "{told}");
}

#[test]
fn a_typo_in_the_recipe_has_line_and_suggestion() {
    let (_folder, recipe, noded) = checkout();
    let text =
        std::fs::read_to_string(&recipe).unwrap().replace("volume_size_gib", "volume_sise_gib");
    std::fs::write(&recipe, text).unwrap();
    let told = refused(bake().args(["plan", "--recipe"]).arg(&recipe).arg("--noded").arg(noded), 1);
    let line = one_line(&told);
    assert!(line.contains(":1: unknown field `volume_sise_gib`"), "{line}");
    assert!(line.ends_with("did you mean `volume_size_gib`?"), "{line}");
}

#[test]
fn validate_needs_nothing_and_is_content_with_what_we_ship() {
    let (_folder, recipe, _) = checkout();
    let output = bake().args(["validate", "--recipe"]).arg(&recipe).assert().success();
    let told = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert!(told.lines().last().unwrap().ends_with("not in this image"), "{told}");
}

#[test]
fn validate_tells_all_that_is_wrong_with_its_places() {
    let (folder, recipe, _) = checkout();
    let write = |name: &str, text: &str| {
        let path = folder.path().join("image").join(name);
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, before + text).unwrap();
    };
    write("libfabric/install.sh", "if true; then\n");
    write("cloud-init/install.sh", "echo $HOME_DIR_$NIXL_INPUT_X\n");
    write("hardening/component.toml", "tiemout = 3\n");
    let output = bake().args(["validate", "--output", "json", "--recipe"]).arg(&recipe).assert();
    let output = output.code(1).get_output().clone();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let problems = report["problems"].as_array().unwrap();
    let has = |part: &str| problems.iter().any(|told| told.as_str().unwrap().contains(part));
    assert!(has("component.toml has no input for `$NIXL_INPUT_X`"), "{report}");
    assert!(has("component.toml:4:1: unknown field `tiemout`"), "{report}");
    // Shells are asked once everything can be read.
    for (name, text) in [
        ("cloud-init/install.sh", "set -Eeuo pipefail\n"),
        (
            "hardening/component.toml",
            "name = \"nixl-hardening\"\ndescription = \"d\"\ntimeout_secs = 3\n",
        ),
    ] {
        std::fs::write(folder.path().join("image").join(name), text).unwrap();
    }
    let output = bake().args(["validate", "--recipe"]).arg(&recipe).assert().code(1);
    let told = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    assert!(told.contains("libfabric/install.sh:") && told.contains("syntax error"), "{told}");
}

#[test]
fn no_credentials_is_one_line() {
    let (_folder, recipe, noded) = checkout();
    let told =
        refused(bake().args(["build", "--recipe"]).arg(&recipe).arg("--noded").arg(noded), 1);
    assert!(one_line(&told).contains("no AWS credentials"), "{told}");
}

#[test]
fn no_region_is_one_line() {
    let told = refused(bake().env_remove("AWS_REGION").arg("list"), 1);
    assert!(one_line(&told).contains("--region"), "{told}");
}

#[test]
fn an_endpoint_that_does_not_answer_is_one_line() {
    // Bound and dropped: nothing listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let told = refused(
        bake()
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .args(["list", "--output", "json"]),
        1,
    );
    assert!(
        one_line(&told).contains(&format!("nothing answers at http://127.0.0.1:{port}")),
        "{told}"
    );
}
