//! The shipped configuration in a temporary directory, on free ports.
//!
//! Only ports are changed; everything else is what a user gets from `config/`.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::process::{Process, free_port, repository};
use crate::wait::wait_until;

/// Files of the shipped main job.
pub const MAIN_JOB: [&str; 3] = [
    "config/connect-standalone.properties",
    "config/connect-file-source.properties",
    "config/connect-file-sink.properties",
];

/// A directory with the shipped files, and the ports that they now name.
pub struct Stack {
    directory: TempDir,
    /// Port of the broker.
    pub broker: u16,
    /// Port of the registry.
    pub registry: u16,
    /// Port of the worker's REST interface.
    pub rest: u16,
}

impl Stack {
    /// Copies `config/` and puts free ports in place of 9092, 8081 and 8083.
    ///
    /// # Panics
    ///
    /// When the files cannot be copied.
    #[must_use]
    pub fn new() -> Self {
        let stack = Self {
            directory: TempDir::new().expect("a temporary directory"),
            broker: free_port(),
            registry: free_port(),
            rest: free_port(),
        };
        stack.copy(&repository().join("config"), &stack.path("config"));
        stack
    }

    fn copy(&self, from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("create a directory");
        for entry in fs::read_dir(from).expect("list the shipped files") {
            let path = entry.expect("an entry of the shipped files").path();
            let target = to.join(path.file_name().expect("a listed file has a name"));
            if path.is_dir() {
                if path.ends_with("sample") {
                    self.copy(&path, &target);
                }
            } else if path.extension().is_some_and(|kind| kind == "properties") {
                let text = fs::read_to_string(&path).expect("read a shipped file");
                fs::write(&target, self.with_ports(&text)).expect("write a shipped file");
            } else if from.ends_with("sample") {
                fs::copy(&path, &target).expect("copy the sample");
            }
        }
    }

    fn with_ports(&self, text: &str) -> String {
        text.replace("9092", &self.broker.to_string())
            .replace("8081", &self.registry.to_string())
            .replace("8083", &self.rest.to_string())
    }

    /// A path in the directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file in the directory.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("create a directory");
        }
        fs::write(path, text).expect("write a file of the test");
    }

    /// Adds lines at the end of a file.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn append(&self, name: &str, text: &str) {
        use std::io::Write;
        let mut file =
            fs::File::options().append(true).create(true).open(self.path(name)).expect("open");
        file.write_all(text.as_bytes()).expect("append");
    }

    /// Reads a file of the directory; empty when it does not exist.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Starts one of our programs in the directory.
    #[must_use]
    pub fn start(&self, program: &str, arguments: &[&str]) -> Process {
        Process::start(program, arguments, self.directory.path())
    }

    /// Starts the main job and waits until REST answers.
    ///
    /// # Panics
    ///
    /// When it ends, or does not answer in time.
    #[must_use]
    pub fn start_main_job(&self) -> Process {
        let mut process = self.start("connect-standalone", &MAIN_JOB);
        self.wait_for_rest(&mut process);
        process
    }

    /// Waits until the worker's REST interface answers.
    ///
    /// # Panics
    ///
    /// When the process ends, or does not answer in time.
    pub fn wait_for_rest(&self, process: &mut Process) {
        let url = self.rest_url("/connectors");
        wait_until("REST of the worker", || {
            assert!(process.is_running(), "the worker ended:\n{}", process.output());
            crate::clients::get(&url).is_some_and(|(status, _)| status == 200)
        });
    }

    /// A URL of the worker.
    #[must_use]
    pub fn rest_url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.rest)
    }

    /// A URL of the registry.
    #[must_use]
    pub fn registry_url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.registry)
    }

    /// Address of the broker.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        format!("localhost:{}", self.broker)
    }
}

impl Default for Stack {
    fn default() -> Self {
        Self::new()
    }
}
