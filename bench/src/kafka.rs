//! Apache Kafka as a peer: one node from a folder of its jars, with its own scripts' heap and GC.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::program::{Program, free_port};

/// Starts a node with data in `directory`; returns it and its port.
pub(crate) fn start(jars: &Path, directory: &Path) -> Result<(Program, u16)> {
    let jars = fs::canonicalize(jars).with_context(|| jars.display().to_string())?;
    let path = format!("{}/*", jars.display());
    let (port, controller) = (free_port()?, free_port()?);
    let file = directory.join("server.properties");
    fs::write(
        &file,
        format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             log.dirs={}\n\
             offsets.topic.replication.factor=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             share.coordinator.state.topic.replication.factor=1\n\
             share.coordinator.state.topic.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\n",
            directory.join("kafka-data").display()
        ),
    )?;
    let formatted = Command::new("java")
        .args(["-cp", &path, "kafka.tools.StorageTool", "format"])
        .args(["-t", "AAAAAAAAQACAAAAAAAAAAA", "-c"])
        .arg(&file)
        .output()
        .context("java")?;
    if !formatted.status.success() {
        bail!("format: {}", String::from_utf8_lossy(&formatted.stderr));
    }
    let mut command = Command::new("java");
    command.args(["-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]);
    command.args(["-XX:InitiatingHeapOccupancyPercent=35", "-Djava.awt.headless=true"]);
    command.args(["-cp", &path, "kafka.Kafka"]).arg(&file);
    Ok((Program::spawn(&mut command, "kafka", directory)?, port))
}
