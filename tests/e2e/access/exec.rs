//! `exec` on both nodes.

use crate::started::Started;
use crate::{NODES, Pair, gone, sessions};
use anyhow::{Result, ensure};

/// The first node is the slower one.
const SAY: &str = "rank=$(cat /run/access-rank); [ $rank = 1 ] || sleep 1; \
    echo one; echo two; echo wrong >&2; exit $((rank + 3))";

/// Order, prefixes, exit codes, arguments, in text and JSON.
pub fn apart(pair: &Pair) -> Result<()> {
    let launch = pair.region.program("nixl-launch");
    for (node, rank) in NODES.iter().zip(["0", "1"]) {
        let write = format!("echo {rank} > /run/access-rank");
        pair.region.exec_ok(node, &["sh", "-c", &write])?;
    }
    let output = launch.run(&["exec", "--", "sh", "-c", SAY])?;
    let lines = "nixl-node1: one\nnixl-node1: two\nnixl-node2: one\nnixl-node2: two\n";
    ensure!(output.stdout == lines && output.code == 3, "{output}");
    for told in ["nixl-node1: wrong\n", "nixl-node1: exit code 3\n", "nixl-node2: exit code 4\n"] {
        ensure!(output.stderr.contains(told), "{told:?} is not in {output}");
    }
    let output = launch.run(&["exec", "--output=json", "--", "sh", "-c", SAY])?;
    ensure!(output.code == 3, "{output}");
    let told: serde_json::Value = serde_json::from_str(&output.stdout)?;
    for (rank, name) in NODES.iter().enumerate() {
        let node = &told["nodes"][rank];
        let same = node["name"] == *name
            && node["rank"] == rank
            && node["exit_code"] == rank + 3
            && node["stdout"] == "one\ntwo\n"
            && node["stderr"] == "wrong\n"
            && node["error"].is_null();
        ensure!(same, "{told:#}");
    }
    let args =
        ["exec", "--node=nixl-node2", "--", "printf", "%s|", "a  b", "$HOME", "it's", "{{x}}"];
    let said = launch.ok(&args)?;
    ensure!(said == "a  b|$HOME|it's|{{x}}|", "{said:?}");
    let output = launch.run(&["exec", "--node=1", "--", "no-such-program"])?;
    ensure!(output.code == 127, "{output}");
    // Programs that people start there know the tracking server, too.
    let said = launch.ok(&["exec", "--node=1", "--", "printenv", "MLFLOW_TRACKING_ARN"])?;
    ensure!(said.trim() == pair.arn, "{said}");
    Ok(())
}

/// Every byte value from one node, lines from both.
pub fn megabyte(pair: &Pair) -> Result<()> {
    let launch = pair.region.program("nixl-launch");
    let write = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 4096)";
    let said = launch.bytes(&["exec", "--node=0", "--", "python3", "-c", write])?;
    let right = said.len() == 1 << 20
        && said.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 256);
    ensure!(right, "{} bytes came, not those that were written", said.len());
    let said = launch.ok(&["exec", "--", "seq", "150000"])?;
    let mut lines = said.lines();
    for name in NODES {
        for number in 1..=150_000 {
            let line = lines.next().unwrap_or_default();
            ensure!(line == format!("{name}: {number}"), "{name}: {line:?} in place of {number}");
        }
    }
    ensure!(lines.next().is_none(), "more than was said");
    Ok(())
}

/// `--timeout`, and Ctrl-C.
pub fn ended(pair: &Pair) -> Result<()> {
    let launch = pair.region.program("nixl-launch");
    let script = "echo begun; exec sleep 98761";
    let output = launch.run(&["exec", "--timeout=1s", "--", "sh", "-c", script])?;
    ensure!(output.code == 124, "{output}");
    ensure!(output.stdout == "nixl-node1: begun\nnixl-node2: begun\n", "{output}");
    let script = "echo begun; exec sleep 98762";
    let started = Started::new(&launch, &["exec", "--", "sh", "-c", script])?;
    // The second node's are told after the first one's end.
    started.said(1)?;
    nixl_tests::wait_for("the command on both nodes", crate::PATIENCE, || {
        NODES.iter().try_for_each(|node| {
            pair.region.exec_ok(node, &["pgrep", "-f", "^sleep 98762"]).map(drop)
        })
    })?;
    let code = started.interrupt()?;
    ensure!(code == 130, "exit code {code} after Ctrl-C");
    for node in NODES {
        gone(&pair.region, node, "sleep 9876")?;
    }
    let none = sessions(&pair.region)?;
    ensure!(none.is_empty(), "sessions left: {none:?}");
    Ok(())
}
