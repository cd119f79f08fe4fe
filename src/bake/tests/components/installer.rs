//! A stand-in for the EFA installer with the habits of the real one, signed by
//! a key that is thrown away.

use std::path::Path;
use std::process::Command;

/// What the real one does that matters: it must be started in its folder and
/// as root, refuses flags it does not know, tests EFA at the end unless told
/// not to, and writes down what it installed.
const SCRIPT: &str = r#"#!/bin/bash
set -e
source ./env.sh
[ "$(id -u)" = 0 ] || { echo "run it as root"; exit 1; }
verify=yes
for flag; do
    case $flag in
        -y | --yes | -g | --enable-gdr | -l | --skip-limit-conf) ;;
        -n | --no-verify) verify=no ;;
        --check-signatures) [ -s "$EFA_INSTALLER_KEY" ] || { echo "no key"; exit 1; } ;;
        *) echo "unknown flag $flag"; exit 2 ;;
    esac
done
[ -z "$EFA_STAND_IN_EXIT" ] || exit "$EFA_STAND_IN_EXIT"
mkdir -p /opt/amazon/efa/bin /opt/amazon/efa/lib /etc/ld.so.conf.d /etc/modules-load.d
cp libfabric.so.1 /opt/amazon/efa/lib/libfabric.so.1
printf '#!/bin/sh\necho libfabric: 2.7.0amzn2.0\n' >/opt/amazon/efa/bin/fi_info
chmod 755 /opt/amazon/efa/bin/fi_info
echo /opt/amazon/efa/lib >/etc/ld.so.conf.d/000_efa.conf
echo efa_nv_peermem >/etc/modules-load.d/efa_nv_peermem.conf
[ $verify = no ] || { echo "ping test: no EFA device"; exit 1; }
printf '# EFA installer version: %s\n# Packages installed:\nefa_3.3.1\n' "$VERSION" >/opt/amazon/efa_installed_packages
"#;

/// A signed archive.
pub struct Signed {
    pub archive: Vec<u8>,
    pub signature: Vec<u8>,
    pub key: Vec<u8>,
    pub fingerprint: String,
}

fn run(program: &str, args: &[&str], folder: &Path) -> Vec<u8> {
    let output = Command::new(program)
        .args(args)
        .current_dir(folder)
        .env("GNUPGHOME", folder.join("gnupg"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    output.stdout
}

/// Release `version`; its script begins with `more`.
pub fn signed(version: &str, more: &str) -> Signed {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("aws-efa-installer")).unwrap();
    std::fs::create_dir(at.join("gnupg")).unwrap();
    run("chmod", &["700", "gnupg"], at);
    let inside = |name: &str| at.join("aws-efa-installer").join(name);
    std::fs::write(inside("efa_installer.sh"), SCRIPT).unwrap();
    std::fs::write(inside("env.sh"), format!("VERSION={version}\n{more}\n")).unwrap();
    run("chmod", &["755", "aws-efa-installer/efa_installer.sh"], at);
    std::fs::write(at.join("fake.c"), "int efadv_query_device(void) { return 0; }\n").unwrap();
    let library = "aws-efa-installer/libfabric.so.1";
    run("cc", &["-shared", "-fPIC", "-Wl,-soname,libfabric.so.1", "-o", library, "fake.c"], at);
    run("tar", &["-czf", "efa.tar.gz", "aws-efa-installer"], at);
    let gpg = |args: &[&str]| run("gpg", &[&["--batch", "--quiet"], args].concat(), at);
    gpg(&[
        "--passphrase",
        "",
        "--quick-generate-key",
        "Stand-in <efa@example.com>",
        "ed25519",
        "sign",
    ]);
    let listed = String::from_utf8(gpg(&["--with-colons", "--fingerprint"])).unwrap();
    let fingerprint = listed.lines().find(|line| line.starts_with("fpr:")).unwrap();
    let fingerprint = fingerprint.split(':').nth(9).unwrap().to_owned();
    gpg(&["--output", "efa.tar.gz.sig", "--detach-sign", "efa.tar.gz"]);
    gpg(&["--output", "efa.key", "--export"]);
    let _ =
        Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", at.join("gnupg")).status();
    let read = |name: &str| std::fs::read(at.join(name)).unwrap();
    Signed {
        archive: read("efa.tar.gz"),
        signature: read("efa.tar.gz.sig"),
        key: read("efa.key"),
        fingerprint,
    }
}
