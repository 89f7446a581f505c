//! Starts our programs as processes and reads what the kernel knows of them.

use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const DEADLINE: Duration = Duration::from_secs(300);

/// A running program; killed when dropped.
pub(crate) struct Program {
    child: Child,
    output: PathBuf,
    /// When it was started.
    pub(crate) started: Instant,
}

impl Program {
    /// Starts a program that was built beside this one.
    pub(crate) fn start(name: &str, arguments: &[&str], directory: &Path) -> Result<Self> {
        let own = std::env::current_exe().context("path of this program")?;
        let path = own.with_file_name(name);
        if !path.exists() {
            bail!("{} is not built; scripts/bench builds it", path.display());
        }
        Self::spawn(Command::new(&path).args(arguments), name, directory)
    }

    /// Starts any command, its output going to a file in `directory`.
    pub(crate) fn spawn(command: &mut Command, name: &str, directory: &Path) -> Result<Self> {
        let output = directory.join(format!("{name}.out"));
        let file = File::create(&output).with_context(|| output.display().to_string())?;
        let started = Instant::now();
        let child = command
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        Ok(Self { child, output, started })
    }

    /// Waits until a port accepts connections.
    pub(crate) fn wait_for_port(&mut self, port: u16) -> Result<()> {
        self.wait_for(&format!("port {port}"), || TcpStream::connect(("127.0.0.1", port)).is_ok())
    }

    /// Waits for a condition while the program runs.
    pub(crate) fn wait_for(&mut self, what: &str, condition: impl Fn() -> bool) -> Result<()> {
        let start = Instant::now();
        while !condition() {
            if let Some(status) = self.child.try_wait()? {
                let output = std::fs::read_to_string(&self.output).unwrap_or_default();
                bail!("the program ended ({status}) before {what}:\n{output}");
            }
            if start.elapsed() > DEADLINE {
                bail!("waited {DEADLINE:?} for {what}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Resident memory now, and its peak, in MiB.
    pub(crate) fn memory_mib(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
            kib.unwrap_or(0) / 1024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// Processor time used so far, user and system.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        let fields = stat.rsplit_once(") ").map(|(_, fields)| fields).unwrap_or_default();
        let ticks: u64 =
            fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        // The kernel counts in hundredths of a second on every Linux that this runs on.
        Duration::from_millis(ticks * 10)
    }

    /// Asks the program to stop, and waits.
    pub(crate) fn stop(mut self) -> Result<()> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-s", "INT", &id]).status().context("kill")?;
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            if start.elapsed() > Duration::from_secs(60) {
                bail!("the program does not stop");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A TCP port that nothing listens on at this moment.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Writes a worker's file for the embedded mode; returns the ports of broker and REST.
pub(crate) fn write_embedded_worker(directory: &Path, extra: &str) -> Result<(u16, u16)> {
    let (broker, registry, rest) = (free_port()?, free_port()?, free_port()?);
    let text = format!(
        "bootstrap.servers=localhost:{broker}\n\
         schema.registry.url=http://localhost:{registry}\n\
         listeners=http://localhost:{rest}\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.storage.StringConverter\n\
         offset.storage.file.filename=./data/connect.offsets\n\
         offset.flush.interval.ms=10000\n\
         embedded=true\n\
         embedded.data.dir=./data\n{extra}"
    );
    std::fs::write(directory.join("worker.properties"), text)?;
    Ok((broker, rest))
}

/// Writes a broker's file; returns its port.
pub(crate) fn write_broker(directory: &Path, extra: &str) -> Result<u16> {
    let port = free_port()?;
    let text = format!("listeners=PLAINTEXT://localhost:{port}\nlog.dirs=./data\n{extra}");
    std::fs::write(directory.join("server.properties"), text)?;
    Ok(port)
}
