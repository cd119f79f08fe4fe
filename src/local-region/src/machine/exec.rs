//! Commands inside a running machine, through nsenter(1).

use std::os::unix::process::CommandExt;
use std::process::Command;

/// Search path of a Debian root shell.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Only children of who enters are in the machine's PID namespace, so somebody must
/// fork and wait. nsenter would stop itself whenever its child is stopped, as
/// systemd-shutdown stops all before it ends them; then nobody reaps the child,
/// and the machine never ends. By env(1), as a word of the shell's own, such as
/// `kill`, would be carried out by the shell, which is out here.
const WAIT: &str = "env -- \"$@\"; exit $?";

/// The command that runs `argv` in the namespaces of `leader`, as for a person.
pub fn enter(leader: u32, argv: &[String]) -> Command {
    let term = std::env::var("TERM").unwrap_or_else(|_| "dumb".into());
    let environment = [("HOME", "/root"), ("LANG", "C.UTF-8"), ("TERM", term.as_str())]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    enter_with(leader, &environment, argv)
}

/// The same with these variables and `PATH` alone.
pub fn enter_with(leader: u32, environment: &[(String, String)], argv: &[String]) -> Command {
    let mut command = Command::new("nsenter");
    command
        // Root and working folder, too: where this computer is itself a chroot,
        // systemd-nspawn cannot pivot, and the namespace alone has another root.
        .args(["-t", &leader.to_string(), "-a", "-r", "-w", "--no-fork", "--", "env", "-i"])
        // A region that was started by nohup(1) ignores what ends a lost terminal.
        .arg("--default-signal")
        .arg(format!("PATH={PATH}"))
        .args(environment.iter().map(|(name, value)| format!("{name}={value}")))
        .args(["sh", "-c", WAIT, "sh"])
        .args(argv);
    command
}

/// Becomes that command; returns only when that fails.
pub fn become_command(leader: u32, argv: &[String]) -> std::io::Error {
    enter(leader, argv).exec()
}
