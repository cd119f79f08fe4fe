//! What software a peer runs, beside this node's.

use super::name;
use crate::board::Reading;
use nixl_cluster::{Versions, reason};
use std::collections::BTreeMap;

/// Readings of every peer that told its versions, under their names.
pub(super) fn readings(
    ours: &Versions,
    peers: &BTreeMap<u32, Versions>,
    names: &BTreeMap<u32, String>,
) -> [(&'static str, Vec<Reading>); 4] {
    let of = |reading: &dyn Fn(&Versions) -> Option<Reading>| {
        let told = peers.iter().filter_map(|(rank, theirs)| Some((names.get(rank)?, theirs)));
        told.filter_map(|(peer, theirs)| Some(about(peer, reading(theirs)?))).collect()
    };
    let driver = |what, ours: &Option<String>, theirs: &Option<String>| {
        compared(ours, theirs, |theirs, ours| {
            let evidence = format!("its {what} driver is {theirs}, this node's {ours}");
            Reading::bad(&reason::DRIVER_SKEW, evidence).field("driver", what)
        })
    };
    [
        (name::KERNEL, of(&|theirs| theirs.kernel.clone().map(Reading::good))),
        (name::EFA_DRIVER, of(&|theirs| driver("efa", &ours.efa_driver, &theirs.efa_driver))),
        (
            name::NVIDIA_DRIVER,
            of(&|theirs| driver("nvidia", &ours.nvidia_driver, &theirs.nvidia_driver)),
        ),
        (
            name::LIBFABRIC,
            of(&|theirs| {
                compared(&ours.libfabric, &theirs.libfabric, |theirs, ours| {
                    let evidence = format!("its libfabric is {theirs}, this node's {ours}");
                    Reading::bad(&reason::LIBFABRIC_SKEW, evidence)
                })
            }),
        ),
    ]
}

/// The peer's version; what only one of both has is for others to tell.
fn compared(
    ours: &Option<String>,
    theirs: &Option<String>,
    bad: impl Fn(&str, &str) -> Reading,
) -> Option<Reading> {
    let theirs = theirs.as_deref()?;
    let reading = match ours.as_deref().filter(|ours| *ours != theirs) {
        None => Reading::default(),
        Some(ours) => bad(theirs, ours).field("ours", ours).field("theirs", theirs),
    };
    Some(reading.value(theirs))
}

fn about(peer: &str, mut reading: Reading) -> Reading {
    if let Some((_, evidence)) = &mut reading.reason {
        *evidence = format!("{peer}: {evidence}");
    }
    reading.about(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn what_differs_is_told_with_both_versions() {
        let ours = Versions {
            release: text("1.0"),
            kernel: text("6.1.0-56"),
            libfabric: text("1.17"),
            efa_driver: text("2.8.0"),
            nvidia_driver: text("550.54"),
        };
        let theirs = Versions {
            kernel: text("6.1.0-57"),
            libfabric: text("2.5.1"),
            efa_driver: text("3.1.0"),
            nvidia_driver: None,
            ..ours.clone()
        };
        let names = [(1, "i-2".to_owned()), (2, "i-3".to_owned())].into();
        let told =
            readings(&ours, &[(1, theirs), (2, ours.clone()), (9, ours.clone())].into(), &names);
        let [(_, kernel), (_, efa), (_, nvidia), (_, libfabric)] = told;
        assert!(kernel.iter().all(|reading| reading.reason.is_none()), "kernels may differ");
        assert_eq!((kernel[0].value.clone(), kernel.len()), (Some("6.1.0-57".into()), 2));
        assert_eq!(nvidia.len(), 1, "i-2 has none");
        let (reason, evidence) = efa[0].reason.clone().unwrap();
        assert_eq!(reason.code, "pair.driver_skew");
        assert_eq!(evidence, "i-2: its efa driver is 3.1.0, this node's 2.8.0");
        assert_eq!(
            (&efa[0].fields["ours"], &efa[0].fields["theirs"]),
            (&"2.8.0".into(), &"3.1.0".into())
        );
        assert_eq!(libfabric[0].code(), Some("pair.libfabric_skew"));
        assert!(efa[1].reason.is_none() && libfabric[1].reason.is_none());
    }
}
