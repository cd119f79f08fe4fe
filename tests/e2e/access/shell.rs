//! `connect` in a terminal.

use crate::{NODES, PATIENCE, Pair, gone, sessions};
use anyhow::{Context as _, Result, ensure};
use nixl_tests::{Terminal, wait_for};
use rustix::process::Signal;

/// How root's prompt ends.
const PROMPT: &str = "# ";
/// What `connect` ends with when it was ended, not the shell.
const ENDED: i32 = 255;

/// A shell on the second node that waits for keys.
fn open(pair: &Pair) -> Result<Terminal> {
    let launch = pair.region.program("nixl-launch");
    let terminal = launch.on_terminal(&["connect", NODES[1], "--no-plugin"], (100, 30))?;
    terminal.expect(PROMPT, PATIENCE)?;
    Ok(terminal)
}

/// Words are typed in two halves, so that their echo is not taken for them.
pub fn connect(pair: &Pair) -> Result<()> {
    let written = pair.region.exec_ok(NODES[1], &["cat", "/run/nixl/environment"])?;
    let named = format!("MLFLOW_TRACKING_ARN={}", pair.arn);
    ensure!(written.lines().any(|line| line == named), "{written}");
    let mut terminal = open(pair)?;
    let shown = terminal.shown();
    ensure!(shown.contains(NODES[1]) && shown.contains(&pair.ids[1]), "{shown}");
    terminal.press("shopt -q login_shell && echo lo''gin\r")?;
    terminal.expect("login\r\n", PATIENCE)?;
    terminal.press("env | grep ^MLFLOW_TRACKING_''ARN\r")?;
    terminal.expect(&format!("{named}\r\n"), PATIENCE)?;
    terminal.press("cat /proc/sys/kernel/random/boot_id\r")?;
    let boot = pair.region.exec_ok(NODES[1], &["cat", "/proc/sys/kernel/random/boot_id"])?;
    terminal.expect(&format!("{}\r\n", boot.trim()), PATIENCE)?;
    terminal.press("exit 7\r")?;
    let code = terminal.ended(PATIENCE)?;
    ensure!(code == 7, "exit code {code}: {}", terminal.shown());
    // The mark that carries the exit code is nobody's business.
    ensure!(!terminal.shown().contains(";7\x1b\\"), "{:?}", terminal.shown());
    let none = sessions(&pair.region)?;
    ensure!(none.is_empty(), "sessions left: {none:?}");
    Ok(())
}

/// Size at the beginning and after a change, Ctrl-C, and the settings afterwards.
pub fn terminal(pair: &Pair) -> Result<()> {
    let mut terminal = open(pair)?;
    ensure!(!terminal.cooked()?, "keys are not handed on as they come");
    terminal.press("echo si''ze $(stty size)\r")?;
    terminal.expect("size 30 100\r\n", PATIENCE)?;
    terminal.resize((132, 43))?;
    // The size and the keys travel apart.
    wait_for("the new size", PATIENCE, || {
        terminal.press("echo si''ze $(stty size)\r")?;
        terminal.expect("size 43 132\r\n", std::time::Duration::from_secs(1))
    })?;
    terminal.press("echo go''es; sleep 98760\r")?;
    terminal.expect("goes\r\n", PATIENCE)?;
    terminal.press("\x03")?;
    gone(&pair.region, NODES[1], "sleep 98760")?;
    terminal.press("echo co''de=$?\r")?;
    terminal.expect("code=130\r\n", PATIENCE)?;
    terminal.press("\x04")?;
    let code = terminal.ended(PATIENCE)?;
    ensure!(code == 0, "the shell's last code is 0, and: {code}\n{}", terminal.shown());
    ensure!(terminal.cooked()?, "the terminal is not put back: {}", terminal.settings()?);
    Ok(())
}

/// SIGTERM: the terminal is put back, and what ran in the shell ends.
pub fn ended(pair: &Pair) -> Result<()> {
    let quiet = pair.region.program("nixl-launch").on_terminal(&["--version"], (100, 30))?;
    let before = quiet.settings()?;
    let mut terminal = open(pair)?;
    ensure!(terminal.settings()? != before, "the same settings all the time");
    terminal.press("echo go''es; sleep 98764\r")?;
    terminal.expect("goes\r\n", PATIENCE)?;
    terminal.signal(Signal::TERM)?;
    let code = terminal.ended(PATIENCE)?;
    ensure!(code == ENDED, "exit code {code}: {}", terminal.shown());
    ensure!(terminal.settings()? == before, "{before} became {}", terminal.settings()?);
    gone(&pair.region, NODES[1], "sleep 98764")?;
    let none = sessions(&pair.region)?;
    none.is_empty().then_some(()).with_context(|| format!("sessions left: {none:?}"))
}
