//! Who has a TCP port: `/proc/net/tcp` gives the socket's inode, the links in
//! `/proc/PID/fd` its owner (proc(5)).

use std::net::{Ipv4Addr, TcpListener};

/// Why the port on 127.0.0.1 cannot be had, if so.
pub fn taken(port: u16) -> Option<String> {
    let error = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).err()?;
    if error.kind() != std::io::ErrorKind::AddrInUse {
        return Some(format!("port {port} on 127.0.0.1: {error}"));
    }
    let owner =
        owner(port).map_or("another program".into(), |(pid, name)| format!("{name} (pid {pid})"));
    Some(format!("port {port} is taken by {owner}"))
}

/// Process that listens on the port.
fn owner(port: u16) -> Option<(u32, String)> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| listening_inode(&std::fs::read_to_string(table).ok()?, port))?;
    let wanted = format!("socket:[{inode}]");
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(files) = std::fs::read_dir(process.path().join("fd")) else { continue };
        let has = files
            .flatten()
            .filter_map(|file| std::fs::read_link(file.path()).ok())
            .any(|target| target.as_os_str() == wanted.as_str());
        if has {
            return Some((pid, crate::process::comm(pid).unwrap_or_else(|| "?".into())));
        }
    }
    None
}

/// Inode of the listening (state 0A) socket with this local port.
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    let suffix = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let listens = fields.get(1)?.ends_with(&suffix) && *fields.get(3)? == "0A";
        if listens { fields.get(9)?.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let why = taken(port).unwrap();
        assert!(why.contains(&format!("pid {}", std::process::id())), "{why}");
    }

    #[test]
    fn only_listening_sockets_count() {
        let table = "head\n 0: 0100007F:11E1 00000000:0000 0A 0:0 0:0 0 0 0 777 1\n\
                     1: 0100007F:11E2 0100007F:0001 01 0:0 0:0 0 0 0 778 1";
        assert_eq!(listening_inode(table, 4577), Some(777));
        assert_eq!(listening_inode(table, 4578), None);
    }
}
