//! How the program `connect-standalone` ends, and how it does not.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::harness::{free_port, wait};

/// Starts the program without connectors, on a cluster that is away, behind `shell`; returns it
/// once it serves.
async fn start(folder: &Path, shell: &str) -> Child {
    let port = free_port();
    let text = format!(
        "bootstrap.servers=localhost:{}\n\
         listeners=http://127.0.0.1:{port}\n\
         offset.storage.file.filename={}/connect.offsets\n\
         key.converter=org.apache.kafka.connect.storage.StringConverter\n\
         value.converter=org.apache.kafka.connect.storage.StringConverter\n",
        free_port(),
        folder.display(),
    );
    let file = folder.join("worker.properties");
    std::fs::write(&file, text).unwrap();
    let child = Command::new("sh")
        .args(["-c", &format!("{shell} exec \"$@\""), "sh"])
        .arg(env!("CARGO_BIN_EXE_connect-standalone"))
        .arg(&file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let health = format!("http://127.0.0.1:{port}/health");
    let healthy = async || reqwest::get(&health).await.is_ok_and(|r| r.status().is_success());
    wait(healthy).await;
    assert!(healthy().await);
    child
}

fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
}

async fn exit_code(mut child: Child) -> Option<i32> {
    wait(async || child.try_wait().unwrap().is_some()).await;
    let status = child.try_wait().unwrap();
    if status.is_none() {
        child.kill().unwrap();
    }
    status.expect("the program has ended").code()
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupt_terminate_and_a_closed_terminal_end_in_order() {
    for signal in ["INT", "TERM", "HUP"] {
        let folder = tempfile::tempdir().unwrap();
        // Tests may themselves run under nohup, which a program inherits.
        let shell = "set -- env --default-signal=HUP,INT,TERM \"$@\";";
        let child = start(folder.path(), shell).await;
        send(signal, &child);
        assert_eq!(exit_code(child).await, Some(0), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_terminal_ends_nothing_under_nohup() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), "trap '' HUP;").await;
    send("HUP", &child);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(child.try_wait().unwrap().is_none());
    send("TERM", &child);
    assert_eq!(exit_code(child).await, Some(0));
}
