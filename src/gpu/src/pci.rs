//! PCI addresses as sysfs writes them.

/// `0000:53:00.0` from what the driver and NVML write: with or without `PCI:`,
/// a function, or a domain of eight digits.
#[must_use]
pub fn address(text: &str) -> Option<String> {
    let text = text.strip_prefix("PCI:").unwrap_or(text);
    let mut parts = text.splitn(3, ':');
    let domain = hex(parts.next()?, 8)?;
    let bus = hex(parts.next()?, 2)?;
    let place = parts.next()?;
    let (device, function) = place.split_once('.').unwrap_or((place, "0"));
    let (device, function) = (hex(device, 2)?, hex(function, 1)?);
    Some(format(domain, bus, device, function))
}

/// From its parts.
#[must_use]
pub fn format(domain: u32, bus: u32, device: u32, function: u32) -> String {
    format!("{domain:04x}:{bus:02x}:{device:02x}.{function:x}")
}

fn hex(text: &str, most: usize) -> Option<u32> {
    let fits = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u32::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_ways_to_write_it_are_one() {
        for text in ["0000:53:00", "PCI:0000:53:00", "00000000:53:00.0", "0000:53:00.0", "0:53:0"] {
            assert_eq!(address(text).as_deref(), Some("0000:53:00.0"), "{text}");
        }
        assert_eq!(address("PCI:0001:C1:1f.7").as_deref(), Some("0001:c1:1f.7"));
        for text in ["", "10de:2330", "0000:53", "0000:53:00:0", "0000:+3:00", "GPU-1:2:3", "::"] {
            assert_eq!(address(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_address_stays_as_it_is(text in "\\PC{0,20}|[0-9a-f:.]{0,16}") {
            if let Some(told) = address(&text) {
                prop_assert_eq!(address(&told), Some(told));
            }
        }
    }
}
