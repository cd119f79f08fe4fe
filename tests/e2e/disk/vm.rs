//! A virtual machine of qemu that starts from an overlay of a disk, with a NoCloud
//! seed, and tells of itself on its second serial port.

use anyhow::{Context, Result, bail, ensure};
use nixl_tests::Program;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const QEMU: &str = "qemu-system-x86_64";
/// Of Debian's package ovmf.
const FIRMWARE: &str = "/usr/share/ovmf/OVMF.fd";
/// The firmware's first words come within a second where KVM works.
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// Options that make a machine run code here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    Kvm,
    Tcg,
}

impl Accelerator {
    /// KVM where the firmware runs under it: `/dev/kvm` may open and guests die.
    pub fn probe(folder: &Path) -> Result<Self> {
        let (words, complaints) = (folder.join("probe.words"), folder.join("probe.errors"));
        let mut qemu = Self::Kvm
            .command()
            .args(["-m", "256", "-net", "none", "-serial"])
            .arg(format!("file:{}", words.display()))
            .stderr(File::create(&complaints)?)
            .spawn()
            .with_context(|| format!("start {QEMU} (apt-get install qemu-system-x86 ovmf)"))?;
        let begun = Instant::now();
        let runs = loop {
            let failed = qemu.try_wait()?.is_some()
                || fs::read_to_string(&complaints)?.contains("KVM internal error")
                || begun.elapsed() > PROBE_LIMIT;
            let spoke = words.metadata().is_ok_and(|words| words.len() > 0);
            if failed || spoke {
                break spoke && !failed;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        let _ = qemu.kill();
        qemu.wait()?;
        Ok(if runs { Self::Kvm } else { Self::Tcg })
    }

    fn command(self) -> Command {
        let mut command = Command::new(QEMU);
        let options = match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => ["-accel", "tcg,thread=multi", "-cpu", "max"],
        };
        command.args(options).args(["-machine", "q35", "-bios", FIRMWARE]);
        command.args(["-display", "none", "-monitor", "none"]).stdin(Stdio::null());
        command
    }
}

/// One that runs.
pub struct Vm {
    qemu: Child,
    report: PathBuf,
    console: PathBuf,
    begun: Instant,
}

impl Vm {
    /// Starts one from an overlay of `disk` that is larger than it.
    pub fn start(folder: &Path, disk: &Path, name: &str, with: Accelerator) -> Result<Self> {
        let overlay = folder.join(format!("{name}.qcow2"));
        let mut create = Command::new("qemu-img");
        create.args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"]).arg(disk);
        let made = create.arg(&overlay).arg("10G").status()?;
        ensure!(made.success(), "qemu-img create: {made}");
        let seed = seed(folder, name)?;
        let report = folder.join(format!("{name}.report"));
        let console = folder.join(format!("{name}.console"));
        let drive = |path: &Path, more| format!("if=virtio,file={}{more}", path.display());
        let qemu = with
            .command()
            .args(["-m", "1024", "-smp", "2", "-nic", "user,model=virtio-net-pci"])
            .args(["-drive", &drive(&overlay, "")])
            .args(["-drive", &drive(&seed, ",format=raw,readonly=on")])
            .args(["-serial", &format!("file:{}", console.display())])
            .args(["-serial", &format!("file:{}", report.display())])
            .spawn()?;
        Ok(Self { qemu, report, console, begun: Instant::now() })
    }

    /// Waits until it has powered itself off: what it told, and how long it took.
    pub fn ended(mut self, limit: Duration) -> Result<(HashMap<String, String>, Duration)> {
        while self.qemu.try_wait()?.is_none() {
            if self.begun.elapsed() > limit {
                let console = fs::read(&self.console).unwrap_or_default();
                let tail = &console[console.len().saturating_sub(3000)..];
                bail!("not off within {limit:?}; console: {}", String::from_utf8_lossy(tail));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let text = fs::read_to_string(&self.report).context("read the report")?;
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        let told = lines.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect();
        Ok((told, self.begun.elapsed()))
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// A NoCloud seed (cloud-init documentation, NoCloud): FAT, its label `cidata`.
fn seed(folder: &Path, name: &str) -> Result<PathBuf> {
    let report: Vec<String> =
        include_str!("report.sh").lines().map(|line| format!("      {line}")).collect();
    let user_data = format!(
        "#cloud-config
write_files:
  - path: /etc/nixl/node.toml
    content: |
      cluster = \"disk\"
      size = 2
      provider = \"tcp\"
  - path: /usr/local/sbin/report
    permissions: '0755'
    content: |
{}
runcmd:
  # Not a part of cloud-init, whose end it waits for.
  - [systemd-run, --no-block, /usr/local/sbin/report]
",
        report.join("\n")
    );
    let meta_data = format!("instance-id: i-{name}\nlocal-hostname: seeded-{name}\n");
    let seed = folder.join(format!("{name}.seed"));
    let path = seed.to_string_lossy().into_owned();
    Program::new("mformat").ok(&["-C", "-f", "1440", "-v", "CIDATA", "-i", &path, "::"])?;
    for (file, text) in [("user-data", user_data), ("meta-data", meta_data)] {
        let source = folder.join(format!("{name}.{file}"));
        fs::write(&source, text)?;
        let target = format!("::{file}");
        Program::new("mcopy").ok(&["-i", &path, &source.to_string_lossy(), &target])?;
    }
    Ok(seed)
}
