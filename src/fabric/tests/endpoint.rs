//! The endpoint without the worker: two of them, each in its own thread.
#![allow(missing_docs)]

use nixl_cluster::Provider;
use nixl_fabric::endpoint::{Completion, Endpoint, Options};
use nixl_fabric::protocol::MAX_MESSAGE_BYTES;
use nixl_fabric::{FabricError, accepts};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const ROUNDS: u64 = 2_000;

fn open() -> Endpoint {
    let options = Options {
        provider: Provider::Tcp.into(),
        sources: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        library: std::env::var_os("NIXL_TEST_LIBFABRIC").map(Into::into),
    };
    match Endpoint::open_rails(&options) {
        Err(FabricError::Library(error)) => panic!("install libfabric1: {error}"),
        other => other.expect("opens").pop().expect("one rail"),
    }
}

/// Sends `ROUNDS` numbers, and checks that the peer's come whole and each once.
fn exchange(own_address: &Sender<Vec<u8>>, peer_address: &Receiver<Vec<u8>>) {
    let mut endpoint = open();
    own_address.send(endpoint.description().address.clone()).expect("peer waits");
    let address = peer_address.recv().expect("peer opens");
    let peer = endpoint.insert(&address).expect("inserts");
    let (mut sent, mut done) = (0, 0);
    let mut seen = vec![false; usize::try_from(ROUNDS).expect("fits")];
    let deadline = Instant::now() + Duration::from_secs(20);
    while done < ROUNDS || seen.contains(&false) {
        assert!(Instant::now() < deadline, "{sent} sent, {done} done");
        if sent < ROUNDS {
            // Sizes on both sides of the provider's inject limit.
            let mut message = vec![7; 8 + usize::try_from(sent % 300).expect("fits")];
            message[..8].copy_from_slice(&sent.to_le_bytes());
            sent += u64::from(endpoint.send(&peer, sent, &message).expect("sends"));
        }
        match endpoint.poll().expect("polls") {
            Some(Completion::Received(message)) => {
                let (number, rest) =
                    endpoint.bytes(&message).split_first_chunk::<8>().expect("a number");
                let number = u64::from_le_bytes(*number);
                assert_eq!(rest.len() as u64, number % 300);
                assert!(rest.iter().all(|byte| *byte == 7));
                let place = &mut seen[usize::try_from(number).expect("fits")];
                assert!(!std::mem::replace(place, true), "{number} came twice");
                endpoint.release(message).expect("posts again");
            }
            Some(Completion::Sent { .. }) => done += 1,
            Some(other) => panic!("{other:?}"),
            None => std::thread::yield_now(),
        }
    }
    assert!(endpoint.poll_events().is_none());
    endpoint.remove(peer).expect("removes");
}

#[test]
fn two_threads_exchange_everything_once() {
    let (to_b, from_a) = channel();
    let (to_a, from_b) = channel();
    let a = std::thread::spawn(move || exchange(&to_b, &from_b));
    let b = std::thread::spawn(move || exchange(&to_a, &from_a));
    a.join().expect("a is content");
    b.join().expect("b is content");
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut endpoint = open();
    let own = endpoint.description().address.clone();
    for length in [0, own.len() - 1, own.len() + 1] {
        let error = endpoint.insert(&vec![0; length]).expect_err("not an address");
        assert!(matches!(error, FabricError::Address { bytes, .. } if bytes == length), "{error}");
    }
    let peer = endpoint.insert(&own).expect("a whole address");
    let error = endpoint.send(&peer, 0, &[0; MAX_MESSAGE_BYTES + 1]).expect_err("too long");
    assert!(matches!(error, FabricError::TooLong { .. }), "{error}");
    endpoint.remove(peer).expect("removes");
}

#[test]
fn what_was_opened_is_told() {
    let endpoint = open();
    let description = endpoint.description();
    assert!(accepts(Provider::Tcp, &description.provider_name, ""), "{description:?}");
    assert!(description.library.is_absolute(), "{description:?}");
    assert!(description.library_version.contains('.'), "{description:?}");
    assert_eq!(description.address.len(), 16, "an IPv4 socket address");
    assert_eq!(description.address[4..8], [127, 0, 0, 1]);
}
