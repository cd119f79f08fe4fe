//! Attributes of an instance that DescribeInstanceAttribute tells.

/// What an instance may be protected from, and what its network is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Termination protection.
    pub disable_api_termination: bool,
    /// Stop protection.
    pub disable_api_stop: bool,
    /// It is the source or destination of all its traffic.
    pub source_dest_check: bool,
}

impl Default for Attributes {
    fn default() -> Self {
        Self { disable_api_termination: false, disable_api_stop: false, source_dest_check: true }
    }
}

impl Attributes {
    /// The attribute that keeps an instance from being terminated; stop
    /// protection does so too.
    #[must_use]
    pub fn protection(self) -> Option<&'static str> {
        if self.disable_api_termination {
            Some("disableApiTermination")
        } else {
            self.disable_api_stop.then_some("disableApiStop")
        }
    }
}
