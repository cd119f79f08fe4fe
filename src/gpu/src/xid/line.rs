//! Lines of the kernel log that tell of a fault.
//!
//! ```text
//! NVRM: Xid (PCI:0000:53:00): 79, pid=1234, name=python3, GPU has fallen off the bus.
//! NVRM: Xid (PCI:0000:53:00 GPU-I:05): 94, pid=7194, Contained: …      (MIG)
//! NVRM: GPU 0000:53:00.0: GPU has fallen off the bus.
//! nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 20034, Fatal, Link 30 LTSSM Fault Up
//! nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 20034, Severity 1 Engine instance 30 …
//! nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 20034, Data {0x50610002, …
//! ```
//!
//! Each event of a switch is the first of its three lines; the others say more
//! of the same.

use super::Fault;
use crate::pci;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'a> {
    /// PCI address of the GPU or switch; empty if the line does not say.
    pub device: String,
    /// What happened.
    pub fault: Fault,
    /// What else the line says.
    pub text: &'a str,
}

/// The fault a message of the kernel tells, if it tells one.
#[must_use]
pub fn parse(message: &str) -> Option<Told<'_>> {
    if let Some((_, rest)) = message.split_once("NVRM: Xid (") {
        let (device, number, text) = numbered(rest)?;
        return Some(Told { device, fault: Fault::Xid(number), text });
    }
    if message.starts_with("nvidia-nvswitch") {
        let (device, number, text) = numbered(message.split_once(": SXid (")?.1)?;
        let more = text.starts_with("Severity ") || text.starts_with("Data {");
        return (!more).then_some(Told { device, fault: Fault::SXid(number), text });
    }
    let (_, text) = message.split_once("NVRM: ")?;
    // In one message the sentence goes over three lines.
    text.contains("fallen off the bus").then(|| Told {
        device: any_address(text).unwrap_or_default(),
        fault: Fault::OffBus,
        text: text.lines().next().unwrap_or_default(),
    })
}

/// `PCI:0000:53:00): 79, the rest`.
fn numbered(text: &str) -> Option<(String, u32, &str)> {
    let (place, rest) = text.split_once("): ")?;
    let device = pci::address(place.split(' ').next()?)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = rest.split_at(digits);
    Some((device, number.parse().ok()?, rest.trim_start_matches(',').trim()))
}

fn any_address(text: &str) -> Option<String> {
    text.split_whitespace().find_map(|word| pci::address(word.trim_end_matches([':', '.', ','])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(message: &str) -> Option<(String, Fault, String)> {
        parse(message).map(|told| (told.device, told.fault, told.text.to_owned()))
    }

    fn some(device: &str, fault: Fault, text: &str) -> Option<(String, Fault, String)> {
        Some((device.to_owned(), fault, text.to_owned()))
    }

    #[test]
    fn xids_of_all_ages_are_understood() {
        assert_eq!(
            told(
                "NVRM: Xid (PCI:0000:53:00): 79, pid=1234, name=python3, GPU has fallen off the bus."
            ),
            some(
                "0000:53:00.0",
                Fault::Xid(79),
                "pid=1234, name=python3, GPU has fallen off the bus."
            )
        );
        assert_eq!(
            told("NVRM: Xid (0000:03:00): 14, Channel 00000001"),
            some("0000:03:00.0", Fault::Xid(14), "Channel 00000001")
        );
        assert_eq!(
            told("NVRM: Xid (PCI:0000:01:00 GPU-I:05): 94, pid=7194, Contained: SM (0x1)."),
            some("0000:01:00.0", Fault::Xid(94), "pid=7194, Contained: SM (0x1).")
        );
        assert_eq!(
            told("[ 12.5] NVRM: Xid (PCI:0000:53:00): 154"),
            some("0000:53:00.0", Fault::Xid(154), "")
        );
    }

    #[test]
    fn an_event_of_a_switch_is_one_line_of_three() {
        let head = "nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 20034, ";
        assert_eq!(
            told(&format!("{head}Fatal, Link 30 LTSSM Fault Up")),
            some("0000:c1:00.0", Fault::SXid(20034), "Fatal, Link 30 LTSSM Fault Up")
        );
        assert_eq!(
            told(&format!("{head}Severity 1 Engine instance 30 Sub-engine instance 00")),
            None
        );
        assert_eq!(told(&format!("{head}Data {{0x50610002, 0x10100030}}")), None);
    }

    #[test]
    fn a_gpu_can_fall_off_without_an_xid() {
        assert_eq!(
            told("NVRM: GPU 0000:53:00.0: GPU has fallen off the bus."),
            some("0000:53:00.0", Fault::OffBus, "GPU 0000:53:00.0: GPU has fallen off the bus.")
        );
        let long = "NVRM: The NVIDIA GPU 0000:53:00.0\nNVRM: (PCI ID: 10de:2330) installed in this \
                    system has\nNVRM: fallen off the bus and is not responding to commands.";
        assert_eq!(told(long), some("0000:53:00.0", Fault::OffBus, "The NVIDIA GPU 0000:53:00.0"));
        assert_eq!(
            told("NVRM: GPU has fallen off the bus."),
            some("", Fault::OffBus, "GPU has fallen off the bus.")
        );
    }

    #[test]
    fn other_lines_tell_nothing() {
        for line in [
            "",
            "NVRM: loading NVIDIA UNIX x86_64 Kernel Module  580.95.05",
            "NVRM: Xid (PCI:0000:53:00): , nothing",
            "NVRM: Xid (PCI:nowhere): 79, x",
            "NVRM: Xid (PCI:0000:53:00): 99999999999, x",
            "a program wrote: GPU has fallen off the bus",
        ] {
            assert_eq!(told(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,80}") {
            let _ = parse(&line);
        }

        #[test]
        fn no_line_that_begins_well_panics(
            head in prop::sample::select(vec!["NVRM: Xid (", "NVRM: ", "nvidia-nvswitch0: SXid (", "NVRM: Xid (PCI:0000:53:00): "]),
            rest in "\\PC{0,40}|[0-9a-fPCI:(), .]{0,40}",
        ) {
            let _ = parse(&format!("{head}{rest}"));
        }

        #[test]
        fn what_the_driver_writes_comes_back(bus in 0u32..256, device in 0u32..32, number in any::<u32>(), text in "[a-z][a-z =,.0-9]{0,40}") {
            let line = format!("NVRM: Xid (PCI:0000:{bus:02x}:{device:02x}): {number}, {text}");
            let told = parse(&line).unwrap();
            prop_assert_eq!(told.device, pci::format(0, bus, device, 0));
            prop_assert_eq!((told.fault, told.text), (Fault::Xid(number), text.trim()));
        }
    }
}
