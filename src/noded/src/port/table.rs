//! The kernel's table of TCP sockets, `/proc/net/tcp` and `tcp6` (proc(5)).

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// State of a listening socket.
const LISTEN: &str = "0A";

/// One socket of this network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Socket {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub listens: bool,
    /// Who made it; 0 as well for one that no process holds any more.
    pub uid: u32,
    /// 0 for one that no process holds any more.
    pub inode: u64,
}

/// Who made the other end of a connection from this host, as long as a process holds it.
///
/// `here` and `from` are the connection as this end sees it.
pub(crate) fn uid_of_peer(here: SocketAddr, from: SocketAddr) -> Option<u32> {
    TABLES.iter().find_map(|table| peer(&fs::read_to_string(table).ok()?, here, from))
}

pub(super) const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// Every socket of a table.
///
/// `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`
pub(super) fn sockets(table: &str) -> impl Iterator<Item = Socket> {
    table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, remote) = (address(fields.next()?)?, address(fields.next()?)?);
        let listens = fields.next()? == LISTEN;
        let uid = fields.nth(3)?.parse().ok()?;
        let inode = fields.nth(1)?.parse().ok()?;
        Some(Socket { local, remote, listens, uid, inode })
    })
}

fn peer(table: &str, here: SocketAddr, from: SocketAddr) -> Option<u32> {
    let (here, from) = (canonical(here), canonical(from));
    sockets(table)
        .find(|it| canonical(it.local) == from && canonical(it.remote) == here && it.inode != 0)
        .map(|it| it.uid)
}

/// An IPv6 socket may speak IPv4.
fn canonical(address: SocketAddr) -> (IpAddr, u16) {
    (address.ip().to_canonical(), address.port())
}

/// `0100007F:238C`: each 32 bits of the address as this computer orders bytes.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    let ip: IpAddr = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    pub const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:238C 0100007F:1F90 01 00000000:00000000 00:00000000 00000000   998        0 11 1 0 20 4 30 10 -1
   1: 0100007F:238C 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 4711 1 0 100 0 0 10 0
   2: 0100007F:1F90 0100007F:238C 01 00000000:00000000 00:00000000 00000000  1000        0 12 1 0 20 4 30 10 -1
   3: 0100007F:1F91 0100007F:238C 05 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1
";
    const TABLE6: &str = "head
   0: 0000000000000000FFFF00000100007F:1F92 0000000000000000FFFF00000100007F:238C 01 00000000:00000000 00:00000000 00000000  1001        0 13 1 0 20 4 30 10 -1
   1: 00000000000000000000000001000000:1F93 00000000000000000000000001000000:238C 01 00000000:00000000 00:00000000 00000000  1002        0 14 1 0 20 4 30 10 -1
";

    #[test]
    #[cfg(target_endian = "little")]
    fn the_other_end_is_found_and_one_without_a_process_is_nobodys() {
        let from = |table, here: &str, from: &str| {
            peer(table, here.parse().unwrap(), from.parse().unwrap())
        };
        assert_eq!(from(TABLE, "127.0.0.1:9100", "127.0.0.1:8080"), Some(1000));
        assert_eq!(from(TABLE, "127.0.0.1:9100", "127.0.0.1:8081"), None, "closed, so uid 0");
        assert_eq!(from(TABLE, "127.0.0.1:9101", "127.0.0.1:8080"), None);
        assert_eq!(from(TABLE6, "127.0.0.1:9100", "127.0.0.1:8082"), Some(1001));
        assert_eq!(from(TABLE6, "[::1]:9100", "[::1]:8083"), Some(1002));
        assert_eq!(sockets("head\nnonsense\n: : :\n").count(), 0);
    }

    #[test]
    fn a_real_connection_is_ours() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let uid = uid_of_peer(address, client.local_addr().unwrap());
        assert_eq!(uid, Some(rustix::process::geteuid().as_raw()));
    }
}
