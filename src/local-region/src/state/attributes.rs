//! Attributes of an instance that DescribeInstanceAttribute tells.

/// What an instance may be protected from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Termination protection.
    pub disable_api_termination: bool,
    /// Stop protection.
    pub disable_api_stop: bool,
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
