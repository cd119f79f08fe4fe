//! Who listens on a port: `/proc/net/tcp` gives the socket's inode and user,
//! `/proc/PID/fd` the process that holds it. Source: proc(5).

use super::table::{Socket, TABLES, sockets};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

const COMMAND_CHARS: usize = 80;

/// The owner as a person would say it.
pub(super) fn of(address: SocketAddr) -> String {
    let found =
        TABLES.iter().find_map(|table| find(&fs::read_to_string(table).ok()?, address.port()));
    let Some(socket) = found else {
        return "a process that cannot be seen from here".to_owned();
    };
    match holder(socket.inode) {
        Some((pid, command)) => format!("pid {pid} ({command})"),
        None => format!("a process of user {} (ask again as root to see which)", socket.uid),
    }
}

fn find(table: &str, port: u16) -> Option<Socket> {
    sockets(table).find(|socket| socket.listens && socket.local.port() == port)
}

fn holder(inode: u64) -> Option<(u32, String)> {
    let wanted = format!("socket:[{inode}]");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let holds = fs::read_dir(entry.path().join("fd")).ok()?.flatten().any(|fd| {
            fs::read_link(fd.path()).is_ok_and(|target| target.as_os_str() == wanted.as_str())
        });
        holds.then(|| (pid, command(&entry.path())))
    })
}

fn command(process: &Path) -> String {
    let line = fs::read(process.join("cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let line: String =
        line.trim().chars().filter(|c| !c.is_control()).take(COMMAND_CHARS).collect();
    if line.is_empty() { "unknown command".to_owned() } else { line }
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::TABLE;
    use super::*;

    #[test]
    fn the_listening_socket_is_found_by_its_port() {
        assert_eq!(find(TABLE, 9100).map(|it| (it.uid, it.inode)), Some((998, 4711)));
        assert_eq!(find(TABLE, 9101), None);
    }
}
