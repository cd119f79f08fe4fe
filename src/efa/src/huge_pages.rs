//! Huge pages, of which libfabric's EFA provider takes its buffers.

/// Those of the default size (Documentation/admin-guide/mm/hugetlbpage.rst).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HugePages {
    /// Pages that the kernel has set aside.
    pub total: u64,
    /// Of them, those that nobody has.
    pub free: u64,
    /// Bytes of a page.
    pub size_bytes: u64,
}

impl HugePages {
    const NONE: Self = Self { total: 0, free: 0, size_bytes: 2 << 20 };

    /// From the text of `/proc/meminfo`, which a kernel without them leaves out;
    /// `None` where it is none.
    #[must_use]
    pub fn parse(meminfo: &str) -> Option<Self> {
        let line = |name: &str| meminfo.lines().find_map(|line| line.strip_prefix(name));
        if line("HugePages_Total:").is_none() {
            return line("MemTotal:").map(|_| Self::NONE);
        }
        let count = |name: &str| line(name)?.trim().parse().ok();
        let kib: u64 = line("Hugepagesize:")?.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(Self {
            total: count("HugePages_Total:")?,
            free: count("HugePages_Free:")?,
            size_bytes: kib.checked_mul(1024)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(total: u64, free: u64, kib: u64) -> String {
        format!(
            "MemTotal:       2097152000 kB\nHugePages_Total:   {total:5}\nHugePages_Free:    {free:5}\n\
             HugePages_Rsvd:        0\nHugepagesize:       {kib} kB\nHugetlb:        0 kB\n"
        )
    }

    proptest! {
        #[test]
        fn what_the_kernel_writes_is_read(total: u32, free: u32, kib in 1_u32..2_000_000) {
            let (total, free, kib) = (total.into(), free.into(), kib.into());
            let pages = HugePages { total, free, size_bytes: kib * 1024 };
            prop_assert_eq!(HugePages::parse(&text(total, free, kib)), Some(pages));
        }

        #[test]
        fn any_text_is_met(before in ".{0,60}", lines in "(HugePages_(Total|Free):|Hugepagesize:)[ 0-9kB\n]{0,30}") {
            let _ = HugePages::parse(&format!("{before}\n{lines}"));
        }
    }

    #[test]
    fn a_kernel_without_them_has_none() {
        assert_eq!(HugePages::parse("MemTotal: 1 kB\n"), Some(HugePages::NONE));
        assert_eq!(HugePages::parse(""), None);
        assert_eq!(HugePages::parse("HugePages_Total: 1\n"), None);
        assert_eq!(HugePages::parse(&text(1, 1, u64::MAX)), None);
    }
}
