//! Filled by its room's owner.
