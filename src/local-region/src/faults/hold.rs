//! Calls that are held: at a precise point, for as long as a test needs to do
//! something to who waits for the answer.

use super::spec::HoldWhen;
use super::{Faults, Fired};
use std::collections::BTreeMap;
use tokio::sync::watch;

/// The doors of faults that hold calls, by the faults' ids.
#[derive(Debug, Default)]
pub(super) struct Doors(BTreeMap<String, Door>);

#[derive(Debug)]
struct Door {
    /// Open from now on.
    opened: watch::Sender<bool>,
    /// Calls before it.
    holding: u64,
    /// Whose calls it holds, once that is known.
    shut_for: Option<String>,
}

impl Doors {
    pub fn add(&mut self, id: &str) {
        let door = Door { opened: watch::Sender::new(false), holding: 0, shut_for: None };
        self.0.insert(id.to_owned(), door);
    }

    /// Opens one, or all; how many calls went through.
    pub fn open(&mut self, id: Option<&str>) -> u64 {
        let meant = self.0.iter_mut().filter(|(known, _)| id.is_none_or(|id| id == *known));
        meant.map(|(_, door)| if door.opened.send_replace(true) { 0 } else { door.holding }).sum()
    }

    /// Forgets one, or all, and opens them.
    pub fn remove(&mut self, id: Option<&str>) {
        self.open(id);
        self.0.retain(|known, _| id.is_some_and(|id| id != known));
    }

    pub fn holding(&self, id: &str) -> u64 {
        self.0.get(id).map_or(0, |door| door.holding)
    }

    /// Whether calls of this caller are held by a door that another call shut.
    pub fn shut_for(&self, id: &str, caller: &str) -> bool {
        self.0
            .get(id)
            .is_some_and(|door| !*door.opened.borrow() && door.shut_for.as_deref() == Some(caller))
    }
}

impl Faults {
    /// Waits at the door of a fault that holds a call, if it does at this point.
    pub async fn held(&self, fired: Option<&Fired>, when: HoldWhen) {
        if let Some(fired) = fired.filter(|fired| fired.hold == Some(when)) {
            self.wait_at(&fired.id).await;
        }
    }

    async fn wait_at(&self, id: &str) {
        let mut opened = {
            let mut registry = self.registry();
            let Some(door) = registry.doors.0.get_mut(id) else { return };
            if *door.opened.borrow() {
                return;
            }
            door.holding += 1;
            door.opened.subscribe()
        };
        // The sender goes with the fault, and then the door is open.
        let _ = opened.wait_for(|opened| *opened).await;
        if let Some(door) = self.registry().doors.0.get_mut(id) {
            door.holding -= 1;
        }
    }

    /// Holds all calls of a caller from now on.
    pub fn shut(&self, id: &str, caller: &str) {
        if let Some(door) = self.registry().doors.0.get_mut(id) {
            door.shut_for = Some(caller.to_owned());
        }
    }

    /// Lets go the calls that one fault holds, or all do; how many there were. `None` if there is
    /// no such fault.
    pub fn release(&self, id: Option<&str>) -> Option<u64> {
        let mut registry = self.registry();
        let known = |id| registry.active.iter().any(|active| active.id == id);
        id.is_none_or(known).then(|| registry.doors.open(id))
    }
}
