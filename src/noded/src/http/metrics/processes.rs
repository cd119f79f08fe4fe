//! What the daemon and its workers cost.

use super::families::{Families, Labels};
use crate::processes::Usage;
use std::fmt;

pub(super) fn write(processes: &[Usage], families: &mut Families<'_>) -> fmt::Result {
    let of = |usage: &Usage| -> Labels { vec![("process", usage.name.to_owned())] };
    let each = |value: fn(&Usage) -> Option<f64>| {
        processes.iter().filter_map(move |usage| Some((of(usage), value(usage)?)))
    };
    let help = "Memory that a process of this daemon holds.";
    let resident = each(|usage| Some(usage.resident_bytes as f64));
    families.gauge("nixl_process_resident_memory_bytes", help, resident)?;
    let help = "Time that a process of this daemon has spent on a processor.";
    families.counter("nixl_process_cpu_seconds", help, each(|usage| Some(usage.cpu_secs)))?;
    let help = "Threads of a process of this daemon.";
    families.gauge("nixl_process_threads", help, each(|usage| Some(usage.threads as f64)))?;
    let help = "Open file descriptors of a process of this daemon.";
    let descriptors = each(|usage| usage.descriptors.map(|count| count as f64));
    families.gauge("nixl_process_open_fds", help, descriptors)
}
