//! An answer made once and given out again while nothing has changed.

use std::sync::{Mutex, PoisonError};

/// Keeps one answer with what it was made from.
#[derive(Debug)]
pub(super) struct Cache<K, T>(Mutex<Option<(K, T)>>);

impl<K, T> Default for Cache<K, T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<K: PartialEq, T: Clone> Cache<K, T> {
    /// The answer for this key; made under the lock, so that of many who ask at
    /// once only one makes it.
    pub fn get(&self, key: K, make: impl FnOnce() -> T) -> T {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((of, answer)) if *of == key => answer.clone(),
            _ => {
                let answer = make();
                *kept = Some((key, answer.clone()));
                answer
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_anew_when_the_key_is_another() {
        let cache = Cache::default();
        assert_eq!(cache.get(1, || "one"), "one");
        assert_eq!(cache.get(1, || "not made"), "one");
        assert_eq!(cache.get(2, || "two"), "two");
        assert_eq!(cache.get(1, || "one again"), "one again");
    }
}
