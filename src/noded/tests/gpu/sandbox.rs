//! What a driver's library that has been taken over can do: tried from inside
//! the process that asks NVML.

use crate::lone::Lone;
use crate::monitor::program;
use crate::nvml::Fake;
use nixl_fabric::codec;
use nixl_gpu::Look;
use nixl_noded::gpu::protocol::{Command, Event};
use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixListener;

/// What is tried, and what comes of it. Starting a program is refused and no
/// more: NVIDIA's library does try it where a device is missing.
const REFUSED: &[(&str, &str)] = &[
    ("unix SOCKET", "EPERM"),
    ("port 20998", "EPERM"),
    ("execve /bin/true", "EPERM"),
    ("fork", "EPERM"),
    ("kill-parent", "EPERM"),
    ("dumpable", "EPERM"),
    ("code-page", "EPERM"),
    ("code-file", "EPERM"),
    ("chmod SOCKET", "EPERM"),
];
/// The same of files, where the kernel has Landlock.
const REFUSED_FILES: &[(&str, &str)] = &[("read SECRET", "EACCES"), ("write SECRET", "EACCES")];

#[test]
fn what_nvml_does_not_need_is_refused() {
    let (fake, elsewhere) = (Fake::new(), tempfile::tempdir().unwrap());
    let path = |name: &str| elsewhere.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("secret"), "a key").unwrap();
    let _listener = UnixListener::bind(path("socket")).unwrap();
    let attempts: Vec<(String, &str)> = [REFUSED, REFUSED_FILES]
        .concat()
        .into_iter()
        .map(|(attempt, outcome)| {
            let attempt = attempt.replace("SOCKET", &path("socket"));
            (attempt.replace("SECRET", &path("secret")), outcome)
        })
        .collect();
    let count = attempts.len();
    let each = attempts.iter().enumerate();
    let lines: Vec<String> =
        each.map(|(gpu, (attempt, _))| format!("power.{gpu} try {attempt}")).collect();
    fake.script(&format!("count is {count}\n{}", lines.join("\n")));

    let mut command = std::process::Command::new(program());
    command.args(["gpu-worker", "--library"]).arg(fake.library());
    let mut worker = Lone::spawn(command);
    let (socket, words) = worker.streams();
    codec::write(socket, &Command::Look).unwrap();
    let Some(Event::Confined { missing }) = codec::read(socket).unwrap() else { panic!() };
    let Some(Event::Looked(Look::Seen(snapshot))) = codec::read(socket).unwrap() else { panic!() };
    assert_eq!(snapshot.gpus.len(), count);
    let has_landlock = !missing.iter().any(|missing| missing.contains("Landlock"));
    let tried = BufReader::new(words).lines().map(Result::unwrap).take(count);
    for ((attempt, outcome), told) in attempts.iter().zip(tried) {
        if *outcome == "EPERM" || has_landlock {
            assert_eq!(told, format!("tried {attempt}: {outcome}"));
        }
    }
}
