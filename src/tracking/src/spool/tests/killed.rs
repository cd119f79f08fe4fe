//! Killed at every step, then opened again: what was taken is delivered or
//! counted, once and in order.

use super::*;
use proptest::prelude::*;
use std::path::Path;

/// What a process does with its spool.
#[derive(Debug, Clone)]
enum Deed {
    Append(usize),
    Deliver,
    Reject,
}

/// Whoever sees all of it.
#[derive(Debug, Default)]
struct World {
    /// Keys whose append returned, in order.
    taken: Vec<String>,
    /// A key that was being appended when the process was killed: it may be there.
    unsure: Vec<String>,
    /// Keys as they came to the server, which knows each once.
    server: Vec<String>,
    rejected: Vec<String>,
    next: usize,
}

/// Goes on until the process is killed or has nothing left to do.
fn live(world: &mut World, spool: &mut Spool<Mortal>, deeds: &[Deed]) -> Result<(), ()> {
    for deed in deeds {
        match deed {
            Deed::Append(bytes) => {
                let key = world.next.to_string();
                world.next += 1;
                match spool.append(&record(&key, *bytes), 1) {
                    Ok(_) => world.taken.push(key),
                    Err(_) => {
                        world.unsure.push(key);
                        return Err(());
                    }
                }
            }
            Deed::Deliver | Deed::Reject => {
                let Some((number, record)) = spool.head(1).map_err(|_| ())? else { continue };
                let done = if matches!(deed, Deed::Reject) {
                    // A server that rejects does so every time.
                    if !world.rejected.contains(&record.key) {
                        world.rejected.push(record.key.clone());
                    }
                    Done::Rejected("no".to_owned())
                } else {
                    if !world.server.contains(&record.key) {
                        world.server.push(record.key.clone());
                    }
                    Done::Delivered
                };
                spool.finish(number, &record.key, done, 1).map_err(|_| ())?;
            }
        }
    }
    Ok(())
}

/// Runs all deeds, killed after so many steps, and the rest by a second process;
/// the steps that the first one took.
fn story(
    folder: &Path,
    deeds: &[Deed],
    limit_bytes: u64,
    kill_at: usize,
) -> (World, usize, Counts) {
    let mut world = World::default();
    let mut disk = Mortal::new(folder);
    disk.left = kill_at;
    let mut steps = 0;
    if let Ok(mut spool) = Spool::open(disk, limit_bytes, 1) {
        let _ = live(&mut world, &mut spool, deeds);
        steps = spool.disk.taken;
    }
    let mut spool = Spool::open(Mortal::new(folder), limit_bytes, 1).unwrap();
    assert!(spool.take_state_lost().is_none(), "a kill damages no file");
    live(&mut world, &mut spool, &[Deed::Append(30)]).unwrap();
    while spool.waiting() > 0 {
        live(&mut world, &mut spool, &[Deed::Deliver]).unwrap();
    }
    (world, steps, spool.counts().clone())
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (0usize..800).prop_map(Deed::Append),
        3 => Just(Deed::Deliver),
        1 => Just(Deed::Reject),
    ]
}

fn check(world: &World, counts: &Counts, killed: bool) {
    assert_eq!(counts.damaged, 0);
    let mut order: Vec<usize> = world.server.iter().map(|key| key.parse().unwrap()).collect();
    assert!(order.is_sorted(), "in order: {order:?}");
    order.dedup();
    assert_eq!(order.len(), world.server.len(), "each once");
    let lost = world
        .taken
        .iter()
        .filter(|key| !world.server.contains(*key) && !world.rejected.contains(*key));
    let lost = lost.count() as u64;
    // The record in the air at the kill may be there or not; one that had just come
    // to the server may have given way after it.
    let unsure = world.unsure.len() as u64;
    let most = lost + unsure + u64::from(killed);
    assert!((lost..=most).contains(&counts.dropped), "{lost} lost, {counts:?}");
    let known = counts.delivered + counts.rejected + counts.dropped;
    let all = world.taken.len() as u64;
    assert!((all..=all + unsure).contains(&known), "{all} taken, {counts:?}");
    if !killed {
        assert_eq!(known, all);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn each_record_is_delivered_or_counted_wherever_the_kill_comes(
        deeds in proptest::collection::vec(deed(), 1..14),
        limit_bytes in 1200u64..4000,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (world, steps, counts) = story(folder.path(), &deeds, limit_bytes, usize::MAX);
        check(&world, &counts, false);
        for kill_at in 0..steps {
            let folder = tempfile::tempdir().unwrap();
            let (world, _, counts) = story(folder.path(), &deeds, limit_bytes, kill_at);
            check(&world, &counts, true);
        }
    }
}
