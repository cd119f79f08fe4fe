//! A run in pieces that `runs/log-batch` takes.

use crate::record::Record;
use crate::wire::{Batch, Entry};

/// Entities of all kinds in a batch (`MAX_ENTITIES_PER_BATCH`), and so of metrics.
const MAX_ENTITIES: usize = 1000;
/// Params, and likewise tags, in a batch (`MAX_PARAMS_TAGS_PER_BATCH`).
const MAX_ENTRIES: usize = 100;
/// Below MLflow's 1 MB (`MAX_BATCH_LOG_REQUEST_SIZE`), with room for the rest.
const MAX_BYTES: usize = 900_000;
/// Of an entity's JSON, what is not text: names of fields, numbers, punctuation.
const OVERHEAD_BYTES: usize = 120;
/// A character is at most that long as JSON (`\u0000`).
const ESCAPED: usize = 6;

impl Batch {
    fn entities(&self) -> usize {
        self.params.len() + self.metrics.len() + self.tags.len()
    }
}

/// All of the record in as few batches as there may be, tags and params first.
pub(crate) fn batches(record: &Record) -> Vec<Batch> {
    let mut pieces = Pieces::default();
    for (key, value) in &record.tags {
        let batch = pieces.room(key.len() + value.len(), |batch| batch.tags.len() < MAX_ENTRIES);
        batch.tags.push(Entry::new(key, value));
    }
    for (key, value) in &record.params {
        let batch = pieces.room(key.len() + value.len(), |batch| batch.params.len() < MAX_ENTRIES);
        batch.params.push(Entry::new(key, value));
    }
    for metric in &record.metrics {
        pieces.room(metric.key.len(), |_| true).metrics.push(metric.clone());
    }
    pieces.full.push(pieces.last);
    pieces.full.retain(|batch| batch.entities() > 0);
    pieces.full
}

#[derive(Default)]
struct Pieces {
    full: Vec<Batch>,
    last: Batch,
    last_bytes: usize,
}

impl Pieces {
    /// A batch that takes one more entity with so much text.
    fn room(&mut self, text_bytes: usize, fits: impl Fn(&Batch) -> bool) -> &mut Batch {
        let bytes = text_bytes * ESCAPED + OVERHEAD_BYTES;
        let full = self.last.entities() >= MAX_ENTITIES || self.last_bytes + bytes > MAX_BYTES;
        if full || !fits(&self.last) {
            self.full.push(std::mem::take(&mut self.last));
            self.last_bytes = 0;
        }
        self.last_bytes += bytes;
        &mut self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_is_lost_and_every_batch_is_taken(
            entries in proptest::collection::btree_map("[a-z]{1,8}", ".{0,40}", 0..250),
            long in 1usize..120,
            metrics in 0usize..3000,
        ) {
            let mut record = Record::new("k", "e", "n", (1, 2));
            for (key, value) in &entries {
                record.param(key, value.repeat(long));
                record.tag(key, value.repeat(long));
            }
            (0..metrics).for_each(|step| record.metric("m", 0.5, step as i64));
            let all = batches(&record);
            for batch in &all {
                prop_assert!(batch.entities() > 0 && batch.entities() <= 1000);
                prop_assert!(batch.params.len() <= 100 && batch.tags.len() <= 100);
                let asked = crate::wire::LogBatch { run_id: "r", batch };
                prop_assert!(serde_json::to_vec(&asked).unwrap().len() < 1_000_000);
            }
            let logged: Vec<_> = all.iter().flat_map(|batch| batch.metrics.clone()).collect();
            prop_assert_eq!(logged, record.metrics);
            let of = |entries: Vec<Entry>| entries.into_iter().map(|e| (e.key, e.value)).collect();
            prop_assert_eq!(&record.params, &of(all.iter().flat_map(|b| b.params.clone()).collect()));
            prop_assert_eq!(&record.tags, &of(all.iter().flat_map(|b| b.tags.clone()).collect()));
        }
    }

    #[test]
    fn a_small_run_is_one_batch_and_an_empty_one_none() {
        let mut record = Record::new("k", "e", "n", (1, 2));
        assert_eq!(batches(&record), []);
        record.tag("a", "1");
        record.param("b", "2");
        record.metric("c", 3.0, 0);
        assert_eq!(batches(&record).len(), 1);
    }
}
