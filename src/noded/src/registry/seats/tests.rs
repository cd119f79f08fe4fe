//! Case by case.

use super::*;

fn claim(rank: Option<u32>, launched_secs: i64, since_millis: u64) -> Option<ClaimRecord> {
    Some(ClaimRecord { rank, launched_secs, since_millis })
}

fn of(id: &'static str, launched_secs: i64, claim: Option<ClaimRecord>) -> Registrant<'static> {
    Registrant { id, launched_secs, claim }
}

/// How `own` stands in a cluster of two, 1 s after the epoch.
fn standing(all: &[Registrant<'_>], own: &str) -> Standing {
    by_registration(all, own, 2, None, 1000).standing
}

fn waits(standing: Standing) -> (&'static str, String) {
    match standing {
        Standing::Waits(reason, why) => (reason.code, why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_registers_waits_for_the_others_and_takes_its_place_in_the_order_of_launch() {
    let registers = Standing::Claims(claim(None, 20, 1000).unwrap());
    assert_eq!(standing(&[of("i-a", 20, None)], "i-a"), registers);
    let told = waits(standing(&[of("i-a", 20, claim(None, 20, 900))], "i-a"));
    assert_eq!(told, ("node.members_missing", "1 of 2 nodes are registered".to_owned()));
    let both = [of("i-a", 20, claim(None, 20, 900)), of("i-b", 10, claim(None, 10, 950))];
    assert_eq!(standing(&both, "i-a"), Standing::Claims(claim(Some(1), 20, 1000).unwrap()));
    assert_eq!(standing(&both, "i-b"), Standing::Claims(claim(Some(0), 10, 1000).unwrap()));
    assert_eq!(standing(&both, "i-c"), Standing::Unseen);
}

#[test]
fn of_two_that_claim_one_rank_the_older_claim_holds_it() {
    let all = [of("i-a", 10, claim(Some(0), 10, 500)), of("i-b", 20, claim(Some(0), 20, 400))];
    assert_eq!(standing(&all, "i-b"), Standing::Ranked(0));
    assert_eq!(standing(&all, "i-a"), Standing::Claims(claim(Some(1), 10, 1000).unwrap()));
}

#[test]
fn one_that_is_launched_earlier_and_comes_later_takes_nobodys_rank() {
    let (a, b) = (of("i-a", 10, claim(Some(0), 10, 1)), of("i-b", 20, claim(Some(1), 20, 2)));
    let late = of("i-0", 5, claim(None, 5, 900));
    let (code, why) = waits(standing(&[a, b, late], "i-0"));
    assert_eq!(code, "node.surplus");
    assert!(why.contains("2 of 2 ranks are held"), "{why}");
    assert_eq!(standing(&[a, b, late], "i-b"), Standing::Ranked(1));
    // The first of two spares takes the place of one that is gone.
    let second = of("i-1", 6, claim(None, 6, 800));
    assert_eq!(
        standing(&[b, late, second], "i-0"),
        Standing::Claims(claim(Some(0), 5, 1000).unwrap())
    );
    assert_eq!(waits(standing(&[b, late, second], "i-1")).0, "node.surplus");
}

#[test]
fn after_losses_a_replacement_waits_shortly_for_others_and_then_takes_the_first_free_rank() {
    let holder = of("i-a", 10, claim(Some(1), 10, 1));
    let new = of("i-b", 20, claim(None, 20, 1000));
    let at = |millis| by_registration(&[holder, new], "i-b", 4, None, millis).standing;
    assert_eq!(waits(at(1000 + SETTLE_MILLIS - 1)).0, "node.members_missing");
    let taken = claim(Some(0), 20, 1000 + SETTLE_MILLIS).unwrap();
    assert_eq!(at(1000 + SETTLE_MILLIS), Standing::Claims(taken));
}

#[test]
fn a_claim_from_before_a_stop_does_not_count() {
    let all = [of("i-a", 50, claim(Some(0), 10, 1)), of("i-b", 20, claim(Some(0), 20, 900))];
    assert_eq!(standing(&all, "i-b"), Standing::Ranked(0));
    assert_eq!(standing(&all, "i-a"), Standing::Claims(claim(None, 50, 1000).unwrap()));
}

#[test]
fn ones_own_word_is_newer_than_what_ec2_shows() {
    let other = of("i-b", 20, claim(Some(1), 20, 5));
    let stale = of("i-a", 10, claim(None, 10, 4));
    let own = claim(Some(0), 10, 900);
    let seats = by_registration(&[stale, other], "i-a", 2, own, 1000);
    assert_eq!(seats.standing, Standing::Claimed(0));
    assert_eq!(seats.holders, BTreeMap::from([(0, "i-a"), (1, "i-b")]));
    assert_eq!(by_registration(&[other], "i-a", 2, own, 1000).standing, Standing::Claimed(0));
    let shown = of("i-a", 10, own);
    assert_eq!(by_registration(&[shown, other], "i-a", 2, own, 1000).standing, Standing::Ranked(0));
}

#[test]
fn ranks_beyond_the_cluster_are_nobodys() {
    let all = [of("i-a", 10, claim(Some(7), 10, 1)), of("i-b", 20, claim(Some(0), 20, 2))];
    assert_eq!(standing(&all, "i-a"), Standing::Claims(claim(Some(1), 10, 1000).unwrap()));
}

#[test]
fn by_tag_the_rank_is_what_the_tag_says_and_the_first_of_two_holds_it() {
    let tagged = |id, launched_secs, rank| Tagged { id, launched_secs, rank };
    let all = [
        tagged("i-a", 30, Some("0")),
        tagged("i-b", 20, Some("1")),
        tagged("i-c", 10, Some("1")),
        tagged("i-d", 10, Some("2")),
        tagged("i-e", 10, None),
    ];
    let standing = |own| by_tag(&all, own, 2).standing;
    assert_eq!(by_tag(&all, "i-a", 2).holders, BTreeMap::from([(0, "i-a"), (1, "i-c")]));
    assert_eq!((standing("i-a"), standing("i-c")), (Standing::Ranked(0), Standing::Ranked(1)));
    let told = waits(standing("i-b"));
    assert_eq!(told.0, "node.surplus");
    assert!(told.1.contains("rank 1 is held by i-c"), "{}", told.1);
    assert_eq!(waits(standing("i-d")).0, "node.rank_missing");
    assert_eq!(waits(standing("i-e")).1, "it has no tag nixl:rank");
    assert_eq!(standing("i-f"), Standing::Unseen);
}
