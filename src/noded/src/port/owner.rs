//! Who listens on a port: `/proc/net/tcp` gives the socket's inode and user,
//! `/proc/PID/fd` the process that holds it. Source: proc(5).

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

/// State of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";
const COMMAND_CHARS: usize = 80;

#[derive(Debug, PartialEq)]
struct Socket {
    uid: u32,
    inode: u64,
}

/// The owner as a person would say it.
pub(super) fn of(address: SocketAddr) -> String {
    let found = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| find(&fs::read_to_string(table).ok()?, address.port()));
    let Some(socket) = found else {
        return "a process that cannot be seen from here".to_owned();
    };
    match holder(socket.inode) {
        Some((pid, command)) => format!("pid {pid} ({command})"),
        None => format!("a process of user {} (ask again as root to see which)", socket.uid),
    }
}

/// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`
fn find(table: &str, port: u16) -> Option<Socket> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
        let listens =
            u16::from_str_radix(local_port, 16).ok()? == port && *fields.get(3)? == LISTEN;
        if !listens {
            return None;
        }
        Some(Socket { uid: fields.get(7)?.parse().ok()?, inode: fields.get(9)?.parse().ok()? })
    })
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
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:238C 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 11 1 0 20 4 30 10 -1
   1: 0100007F:238C 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 4711 1 0 100 0 0 10 0
";

    #[test]
    fn the_listening_socket_is_found_by_its_port() {
        assert_eq!(find(TABLE, 9100), Some(Socket { uid: 998, inode: 4711 }));
        assert_eq!(find(TABLE, 9101), None);
        assert_eq!(find("head\nnonsense\n: : :\n", 9100), None);
    }
}
