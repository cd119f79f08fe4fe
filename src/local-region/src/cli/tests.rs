//! The real commands against a region on a real socket, with machines that
//! only pretend; and what a client sees of an answer that breaks off.

use super::Cli;
use super::state::Credentials;
use crate::backend::Directory as _;
use crate::layout::Layout;
use crate::process::{ProcessRef, write_atomic};
use crate::testing::{Bench, element, signed_call};
use clap::Parser;
use std::process::ExitCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A served region whose state folder says where it is.
struct Served {
    bench: Bench,
    folder: tempfile::TempDir,
    address: std::net::SocketAddr,
}

impl Served {
    async fn new() -> Self {
        let bench = Bench::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path()).unwrap();
        let mut credentials = Credentials::generate(address.port(), "us-east-1");
        credentials.control_token = "control".to_owned();
        credentials.write(&layout).unwrap();
        let me = ProcessRef::of(std::process::id()).unwrap();
        write_atomic(&layout.pid_file(), &serde_json::to_vec(&me).unwrap(), 0o644).unwrap();
        let service = bench.region.service();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { bench, folder, address }
    }

    /// Runs a command line, as `main` does.
    async fn run(&self, line: &str) -> Result<ExitCode, String> {
        let folder = self.folder.path().to_str().unwrap();
        let mut argv = vec!["nixl-region", "--state-dir", folder];
        argv.extend(line.split(' '));
        let cli = Cli::try_parse_from(argv).map_err(|error| error.to_string())?;
        let run = move || cli.run().map_err(|error| format!("{error:#}"));
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    async fn runs(&self, line: &str) {
        assert_eq!(self.run(line).await.as_ref(), Ok(&ExitCode::SUCCESS), "{line}");
    }

    /// All bytes that come back for a call of EC2, up to the connection's end.
    async fn bytes(&self, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(signed_call("ec2", body).as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A reset after the last byte is an end too.
        let _ = stream.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).unwrap()
    }

    fn groups(&self) -> usize {
        self.bench.region.inner.state().ec2.placement_groups.len()
    }
}

const CREATE: &str = "Action=CreatePlacementGroup&GroupName=";

#[tokio::test]
async fn a_lost_answer_is_no_byte_and_the_call_is_done_or_not_as_asked() {
    let served = Served::new().await;
    let whole = served.bytes(&format!("{CREATE}a")).await;
    assert!(whole.starts_with("HTTP/1.1 200") && whole.ends_with("Response>"), "{whole}");
    for (when, groups) in [("before", 1), ("after", 2)] {
        served.runs(&format!("fault add ec2:CreatePlacementGroup --times 1 --drop {when}")).await;
        assert_eq!(served.bytes(&format!("{CREATE}{when}")).await, "");
        assert_eq!(served.groups(), groups, "{when}");
    }
}

#[tokio::test]
async fn a_cut_answer_has_the_length_of_the_whole_and_half_of_the_body() {
    let served = Served::new().await;
    let parts = |text: String| {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        (length.parse::<usize>().unwrap(), body.to_owned())
    };
    let (length, body) = parts(served.bytes("Action=DescribeVpcs").await);
    assert_eq!(body.len(), length);
    served.runs("fault add ec2:Describe* --truncate").await;
    let (told, half) = parts(served.bytes("Action=DescribeVpcs").await);
    // The request id has the same length in each answer.
    assert_eq!((told, half.len()), (length, length / 2));
}

#[tokio::test]
async fn faults_are_loaded_listed_and_removed() {
    let served = Served::new().await;
    let file = served.folder.path().join("faults.toml");
    std::fs::write(&file, crate::faults::file::EXAMPLE).unwrap();
    served.runs(&format!("fault load {}", file.display())).await;
    served.runs("fault list").await;
    served.runs("fault list --output json").await;
    served.runs("fault remove fault-2 fault-5 fault-6").await;
    let left: Vec<String> =
        served.bench.region.inner.faults.all().into_iter().map(|active| active.id).collect();
    assert_eq!(left, ["fault-1", "fault-3", "fault-4"]);
    let told = served.run("fault remove fault-9").await.unwrap_err();
    assert_eq!(told, "no fault fault-9 (there are: fault-1, fault-3, fault-4)");
    served.runs("fault dead-on-arrival --zone us-east-1a --count 2").await;
    served.runs("fault remove --all").await;
    assert!(served.bench.region.inner.faults.all().is_empty());
    std::fs::write(&file, "[[fault]]\ncall = 'ec2:*'\ndely = '1s'").unwrap();
    let told = served.run(&format!("fault load {}", file.display())).await.unwrap_err();
    assert!(told.contains("line 3, column 1: unknown field `dely`"), "{told}");
}

#[tokio::test]
async fn settings_and_calls_are_shown() {
    let served = Served::new().await;
    for line in [
        "set window ec2.terminated_visible 300ms",
        "set capacity us-east-1a p5.48xlarge 2 --market spot",
        "set quota L-DB2E81BA 96",
        "set clock +2h",
        "set rule ec2.run.token-replay off",
        "set throttle 0.5",
        "set mlflow-artifacts server",
        "get",
        "get --output json",
    ] {
        served.runs(line).await;
    }
    let region = &served.bench.region.inner;
    assert_eq!(region.clock.ahead().as_hours(), 2);
    assert_eq!(region.throttle.scaled().to_string(), "0.5");
    served.runs("set capacity us-east-1a p5.48xlarge unlimited --market spot").await;
    assert_eq!(region.state().ec2.capacity.all().count(), 0);
    let told = served.run("set rule ec2.run.token-reply off").await.unwrap_err();
    assert_eq!(told, "no rule ec2.run.token-reply; did you mean `ec2.run.token-replay`?");
    let told = served.run("set quota L-DB2E81BB 96").await.unwrap_err();
    assert_eq!(told, "no quota L-DB2E81BB; did you mean `L-DB2E81BA`?");
    served.bytes("Action=DescribeVpcs").await;
    served.runs("calls").await;
    served.runs("calls --failed --operation ec2:* --caller administrator --output json").await;
}

#[test]
fn the_command_line_refuses_what_makes_no_sense() {
    for line in [
        "fault add ec2:RunInstances --nth 1 --times 2 --truncate",
        "fault add ce2:RunInstances --truncate",
        "fault add ec2:RunInstances --drop after --truncate",
        "fault add ec2:RunInstances --delay soon",
        "fault add ec2:RunInstances --status 500 --drop after",
        "fault add ec2:RunInstances --nth 1",
        "fault remove",
        "fault remove fault-1 --all",
        "set throttle -1",
        "set mlflow-artifacts nobody",
        "set rule x maybe",
    ] {
        let argv = ["nixl-region"].into_iter().chain(line.split(' '));
        let error = Cli::try_parse_from(argv).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
    }
    <Cli as clap::CommandFactory>::command().debug_assert();
}

#[tokio::test]
async fn notices_are_given_by_name() {
    let served = Served::new().await;
    let ami = served.bench.region.inner.state().ec2.images.keys().next().unwrap().clone();
    let launch = format!(
        "Action=RunInstances&ImageId={ami}&InstanceType=g5.12xlarge&MinCount=1&MaxCount=1\
         &TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=Name\
         &TagSpecification.1.Tag.1.Value=a%20node"
    );
    let (_, text) = served.bench.query("ec2", &launch).await;
    let id = element(&text, "instanceId");
    for line in [
        "notice {} spot terminate --in 90s",
        "notice {} rebalance",
        "notice {} maintenance instance-retirement --in 48h --for 1h",
    ] {
        served.runs(&line.replace("{}", id)).await;
    }
    let announced = || served.bench.region.instance(id).unwrap().notices.metadata().len();
    assert_eq!(announced(), 5);
    served.runs(&format!("notice {id} clear")).await;
    assert_eq!(announced(), 2);
    let told = served.run("notice nobody rebalance").await.unwrap_err();
    assert_eq!(told, "no instance nobody");
    assert!(served.run(&format!("notice {id}")).await.is_err(), "of what?");
}

/// Waits until a fault holds as many calls.
async fn holding(served: &Served, calls: u64) {
    let held = |region: &crate::Region| -> u64 {
        region.inner.faults.all().iter().map(|fault| fault.holding).sum()
    };
    served.bench.until(|region| (held(region) == calls).then_some(())).await;
}

#[tokio::test]
async fn a_held_call_is_carried_out_before_or_after_it_is_let_go_as_asked() {
    let served = Served::new().await;
    for (when, meanwhile, after) in [("before", 0, 1), ("after", 2, 2)] {
        served.runs(&format!("fault add ec2:CreatePlacementGroup --nth 1 --hold {when}")).await;
        let body = format!("{CREATE}{when}");
        let call = served.bytes(&body);
        let look = async {
            holding(&served, 1).await;
            assert_eq!(served.groups(), meanwhile, "{when}");
            served.runs("fault release --all").await;
        };
        let (answer, ()) = tokio::join!(call, look);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(served.groups(), after, "{when}");
    }
}

#[tokio::test]
async fn a_call_that_is_held_and_dropped_is_never_carried_out() {
    let served = Served::new().await;
    served.runs("fault add ec2:CreatePlacementGroup --hold before --drop before").await;
    let body = format!("{CREATE}a");
    let (answer, ()) = tokio::join!(served.bytes(&body), async {
        holding(&served, 1).await;
        served.runs("fault remove --all").await;
    });
    assert_eq!((answer.as_str(), served.groups()), ("", 0));
}

#[tokio::test]
async fn what_follows_an_answer_is_held_until_it_is_let_go() {
    let served = Served::new().await;
    served.runs("fault add ec2:CreatePlacementGroup --nth 1 --hold next --drop before").await;
    assert!(served.bytes(&format!("{CREATE}a")).await.starts_with("HTTP/1.1 200"));
    let (answer, ()) = tokio::join!(served.bytes("Action=DescribeVpcs"), async {
        holding(&served, 1).await;
        served.runs("fault release fault-1").await;
    });
    assert_eq!(answer, "");
    assert!(served.bytes(&format!("{CREATE}b")).await.starts_with("HTTP/1.1 200"));
    assert_eq!(served.groups(), 2);
    assert!(served.run("fault release fault-9").await.is_err_and(|told| told.contains("fault-9")));
}

#[tokio::test]
async fn an_image_that_is_exported_is_found_by_id_or_name() {
    let served = Served::new().await;
    let target = served.folder.path().join("rootfs");
    let images = served.bench.query("ec2", "Action=DescribeImages").await.1;
    let (id, name) = (element(&images, "imageId"), element(&images, "name"));
    for wanted in [id, name] {
        let refused = served.run(&format!("export {wanted} --rootfs {}", target.display())).await;
        // Its files are only pretended.
        assert!(refused.as_ref().unwrap_err().contains("layer /debian"), "{refused:?}");
    }
    let refused = served.run(&format!("export nixl-typo --rootfs {}", target.display())).await;
    let told = refused.unwrap_err();
    assert!(told.contains("no image nixl-typo") && told.contains(id), "{told}");
    assert!(!target.exists());
    assert!(std::fs::read_dir(served.folder.path().join("exports")).unwrap().next().is_none());
}
