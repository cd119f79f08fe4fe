//! What an EFA device counts, since it was made.
//!
//! Names as in the driver (`efa_verbs.c`, `EFA_DEFINE_PORT_STATS` and
//! `EFA_DEFINE_DEVICE_STATS`). A counter that a device has not is no file, and
//! no zero.

use crate::fact::{self, Fact, Unreadable};
use crate::{Tree, device};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes sent and received.
pub const TX_BYTES: &str = "tx_bytes";
/// See [`TX_BYTES`].
pub const RX_BYTES: &str = "rx_bytes";
/// Packets received and then dropped.
pub const RX_DROPS: &str = "rx_drops";
/// RDMA reads that ended with an error, here or at the remote.
pub const RDMA_READ_WR_ERR: &str = "rdma_read_wr_err";
/// RDMA writes that ended with an error, here or at the remote.
pub const RDMA_WRITE_WR_ERR: &str = "rdma_write_wr_err";
/// Bytes sent again.
pub const RETRANS_BYTES: &str = "retrans_bytes";
/// Timeouts after which SRD took another path.
pub const RETRANS_TIMEOUT_EVENTS: &str = "retrans_timeout_events";
/// Remotes that did not answer.
pub const UNRESPONSIVE_REMOTE_EVENTS: &str = "unresponsive_remote_events";
/// Connections that became impaired, with a lower limit of their rate.
pub const IMPAIRED_REMOTE_CONN_EVENTS: &str = "impaired_remote_conn_events";

/// Of the port; the last five from Nitro v4 on.
pub const PORT: [&str; 22] = [
    TX_BYTES,
    "tx_pkts",
    RX_BYTES,
    "rx_pkts",
    RX_DROPS,
    "send_bytes",
    "send_wrs",
    "recv_bytes",
    "recv_wrs",
    "rdma_read_wrs",
    "rdma_read_bytes",
    RDMA_READ_WR_ERR,
    "rdma_read_resp_bytes",
    "rdma_write_wrs",
    "rdma_write_bytes",
    RDMA_WRITE_WR_ERR,
    "rdma_write_recv_bytes",
    RETRANS_BYTES,
    "retrans_pkts",
    RETRANS_TIMEOUT_EVENTS,
    UNRESPONSIVE_REMOTE_EVENTS,
    IMPAIRED_REMOTE_CONN_EVENTS,
];

/// Of the device: what the driver asked of it.
pub const DEVICE: [&str; 12] = [
    "submitted_cmds",
    "completed_cmds",
    "cmds_err",
    "no_completion_cmds",
    "keep_alive_rcvd",
    "alloc_pd_err",
    "create_qp_err",
    "create_cq_err",
    "reg_mr_err",
    "alloc_ucontext_err",
    "create_ah_err",
    "mmap_err",
];

/// Those of [`DEVICE`] that count something that failed.
pub const DEVICE_ERRORS: [&str; 9] = [
    "cmds_err",
    "no_completion_cmds",
    "alloc_pd_err",
    "create_qp_err",
    "create_cq_err",
    "reg_mr_err",
    "alloc_ucontext_err",
    "create_ah_err",
    "mmap_err",
];

/// Where they are, below the folder of an InfiniBand device.
const OF_PORT: &str = "ports/1/hw_counters";
/// Beside them: how long the kernel keeps what it last read, in milliseconds.
const LIFESPAN: &str = "lifespan";

/// All that a device counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// By name of [`PORT`] and [`DEVICE`]; those that the device has.
    pub values: BTreeMap<&'static str, u64>,
    /// Those that are there and could not be read.
    pub unreadable: Vec<Unreadable>,
    /// To read them more often is to read the same.
    pub lifespan: Option<Duration>,
}

impl Counters {
    /// Those of an InfiniBand device's folder.
    pub(crate) fn read(device: &Path) -> Self {
        let port = device.join(OF_PORT);
        // Kernels before 5.14 have all of them in the port's folder.
        let own = Some(device.join("hw_counters")).filter(|own| own.is_dir());
        let own = own.unwrap_or_else(|| port.clone());
        let mut counters = Self::default();
        for (folder, names) in [(&port, &PORT[..]), (&own, &DEVICE[..])] {
            for name in names {
                match fact::number(&folder.join(name)) {
                    Ok(value) => counters.values.extend(value.map(|value| (*name, value))),
                    Err(unreadable) => counters.unreadable.push(unreadable),
                }
            }
            let lifespan = fact::number(&folder.join(LIFESPAN)).unwrap_or_default();
            counters.lifespan = counters.lifespan.max(lifespan.map(Duration::from_millis));
        }
        counters
    }
}

/// Bytes in each direction, by a device's own count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Sent.
    pub sent: u64,
    /// Received.
    pub received: u64,
}

/// Where a device counts its bytes.
#[derive(Debug, Clone)]
pub struct ByteCounter(PathBuf);

impl Tree {
    /// The counter of the EFA device or network interface of this name.
    #[must_use]
    pub fn byte_counter(&self, name: &str) -> Option<ByteCounter> {
        if matches!(name, "" | "." | "..") || name.contains('/') {
            return None;
        }
        let folders = [
            self.at(device::CLASS).join(name).join(OF_PORT),
            self.at("sys/class/net").join(name).join("statistics"),
        ];
        folders.into_iter().find(|folder| folder.is_dir()).map(ByteCounter)
    }
}

impl ByteCounter {
    /// What it says now; `None` where it says nothing.
    #[must_use]
    pub fn read(&self) -> Option<Bytes> {
        let number = |name| -> Fact<u64> { fact::number(&self.0.join(name)) };
        Some(Bytes { sent: number(TX_BYTES).ok()??, received: number(RX_BYTES).ok()?? })
    }
}
