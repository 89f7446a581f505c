//! A program of ours as a process: started in a directory of its own, its output kept, stopped
//! by its own process id.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::wait::wait_for;

/// Folder of the programs that were built with these tests.
///
/// # Panics
///
/// When a test does not run from cargo's target directory.
#[must_use]
pub fn programs() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let deps = test.parent().expect("a test lies in target/<profile>/deps");
    deps.parent().expect("a test lies in target/<profile>/deps").to_owned()
}

/// Folder of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// Returns a TCP port that nothing listens on at this moment.
///
/// # Panics
///
/// When the machine has no free port on loopback.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}

/// A running program; killed when dropped.
pub struct Process {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts one of our programs in `directory`, its output going to a file there.
    ///
    /// # Panics
    ///
    /// When the program was not built: `cargo build --workspace --bins` comes first.
    #[must_use]
    pub fn start(program: &str, arguments: &[&str], directory: &Path) -> Self {
        let path = programs().join(program);
        assert!(
            path.exists(),
            "{} is not built; run `cargo build --workspace --bins` first",
            path.display()
        );
        let output = directory.join(format!("{program}.out"));
        let file = File::options()
            .create(true)
            .append(true)
            .open(&output)
            .expect("the test's directory is writable");
        let child = Command::new(&path)
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file handle can be cloned"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("start {}: {error}", path.display()));
        Self { name: program.to_owned(), child, output }
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that the program has printed so far, both streams.
    #[must_use]
    pub fn output(&self) -> String {
        let mut text = Vec::new();
        if let Ok(mut file) = File::open(&self.output) {
            let _ = file.seek(SeekFrom::Start(0));
            let _ = file.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Tells whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Resident memory in bytes, from the kernel's statistics.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        self.status_kib("VmRSS:") * 1024
    }

    /// Peak resident memory in bytes.
    #[must_use]
    pub fn peak_resident_bytes(&self) -> u64 {
        self.status_kib("VmHWM:") * 1024
    }

    fn status_kib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        status
            .unwrap_or_default()
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or(0)
    }

    /// Asks the program to stop, as Ctrl-C does, and waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not end in time; the message holds its output.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal("INT");
        self.wait()
    }

    /// Ends the program without a chance to clean up (kill -9).
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal by name.
    ///
    /// # Panics
    ///
    /// When the `kill` program cannot be run.
    pub fn signal(&self, signal: &str) {
        let id = self.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(status.is_ok_and(|status| status.success()), "signal {signal} to {}", self.name);
    }

    /// Waits for the program's end.
    ///
    /// # Panics
    ///
    /// When it does not end in time; the message holds its output.
    pub fn wait(&mut self) -> ExitStatus {
        let name = format!("the end of {}; output:\n{}", self.name, self.output());
        wait_for(&name, || self.child.try_wait().ok().flatten())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            println!("--- output of {} ---\n{}", self.name, self.output());
        }
    }
}
