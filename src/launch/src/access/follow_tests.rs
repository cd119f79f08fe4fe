use super::*;
use crate::fake::Fake;
use crate::session::scripted::{Act, Far, scripted};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::Notify;

fn entry(at: u32) -> String {
    format!("{{\"__REALTIME_TIMESTAMP\":\"{at}\",\"__CURSOR\":\"c{at}\",\"MESSAGE\":\"m{at}\"}}\n")
}

/// What the node's script writes of a stream.
fn say(far: &mut Far, letter: char, text: &str) {
    far.print(format!("{letter}{}\r\n", STANDARD.encode(text)).as_bytes());
}

/// What the session's document runs, as the node reads it.
fn script(fake: &Fake, session: usize) -> String {
    let line = fake.state().ssm.sessions[session].parameters["command"][0].clone();
    let text = line
        .split_whitespace()
        .find_map(|word| STANDARD.decode(word).ok().filter(|text| text.starts_with(b"set --")));
    String::from_utf8(text.unwrap()).unwrap()
}

struct Told {
    entries: Vec<String>,
    happened: Vec<String>,
    wrong: Vec<String>,
}

/// Reads a node that is played by `acts`, no more than `enough` entries of it.
async fn told(acts: Vec<Act>, follow: bool, enough: usize) -> (Told, Fake) {
    let (fake, server) = scripted(acts);
    let ssm: Arc<dyn ManagedNodes> = Arc::new(fake.clone());
    let node = RemoteNode { rank: 0, name: "n1".to_owned(), instance_id: "i-1".to_owned() };
    let query = Query { follow, ..Query::default() };
    let (done, mut entries) = (Notify::new(), Vec::new());
    let happened = std::sync::Mutex::new(Vec::new());
    let show = |entry: &Entry| {
        entries.push(entry.cursor.clone());
        if entries.len() == enough {
            done.notify_one();
        }
        Ok(())
    };
    let tell = |what: &str| happened.lock().unwrap().push(what.to_owned());
    let wrong = read(&ssm, &[node], &query, done.notified(), show, tell).await.unwrap();
    server.join().unwrap();
    (Told { entries, happened: happened.into_inner().unwrap(), wrong }, fake)
}

#[tokio::test]
async fn a_lost_session_goes_on_behind_the_last_whole_entry() {
    let (told, fake) = told(
        vec![
            Box::new(|far| {
                far.print(b"@nixl\r\n");
                say(far, 'O', &(entry(1) + &entry(2)));
                let third = entry(3);
                say(far, 'O', &third[..third.len() / 2]);
                far.close("terminated by an administrator");
            }),
            // Nothing came of it: the place is still the same.
            Box::new(|far| far.close("")),
            Box::new(|far| {
                far.print(b"@nixl\r\n");
                say(far, 'O', &(entry(3) + &entry(4)));
                far.stay();
            }),
        ],
        true,
        4,
    )
    .await;
    assert_eq!(told.entries, ["c1", "c2", "c3", "c4"]);
    assert_eq!(told.wrong, [""; 0]);
    let lost = "n1: the session ended before the command did";
    assert_eq!(
        told.happened,
        [
            format!("{lost}: terminated by an administrator; it goes on"),
            format!("{lost}; it goes on")
        ]
    );
    assert!(script(&fake, 0).contains("'--boot=0'"));
    for session in [1, 2] {
        let script = script(&fake, session);
        assert!(script.contains("'--after-cursor=c2'") && !script.contains("--boot"), "{script}");
    }
    assert_eq!(fake.count("TerminateSession"), 1, "only the last one was still there");
}

#[tokio::test]
async fn without_follow_a_lost_session_is_told_and_the_end() {
    let act: Act = Box::new(|far| {
        far.print(b"@nixl\r\n");
        say(far, 'O', &entry(1));
        far.close("idle");
    });
    let (told, fake) = told(vec![act], false, usize::MAX).await;
    assert_eq!(told.entries, ["c1"]);
    assert_eq!(told.wrong, ["n1: the session ended before the command did: idle"]);
    assert_eq!(fake.state().ssm.sessions.len(), 1);
}

#[tokio::test]
async fn what_journalctl_complains_of_is_told() {
    let act: Act = Box::new(|far| {
        far.print(b"@nixl\r\n");
        say(far, 'E', "Failed to parse timestamp: x\n");
        far.print(b"X1\r\n");
        far.stay();
    });
    let (told, _) = told(vec![act], true, usize::MAX).await;
    assert_eq!(told.wrong, ["n1: journalctl ended with 1: Failed to parse timestamp: x"]);
    assert_eq!(told.happened, [""; 0], "asked again it says the same");
}
