//! Connectors that misbehave on purpose, beside the built-in ones.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use config::{ConfigDef, Key};
use connect::plugin::{Factory, Plugin, PluginRegistry, builtin};
use connect_api::connector::{ConnectorContext, Settings};
use connect_api::{
    ConnectError, OffsetMap, PartitionMap, Result, SinkConnector, SinkRecord, SinkTask,
    SinkTaskContext, SourceConnector, SourceRecord, SourceTask, SourceTaskContext, Value,
};

/// What the source does, and where.
static SOURCE: LazyLock<ConfigDef> = LazyLock::new(|| {
    ConfigDef::new([
        Key::string("fault").default_value("none").doc("start, poll, panic or hang."),
        Key::string("file").default_null().doc("File that ends a hang; topic is lines."),
        Key::password("secret").default_null().doc("Shows in the fault's text."),
    ])
});

/// What the sink does.
static SINK: LazyLock<ConfigDef> = LazyLock::new(|| {
    ConfigDef::new([
        Key::int("failures").default_value(0).doc("Puts that fail retriably before one passes."),
        Key::boolean("fatal").default_value(false).doc("Whether put fails for good."),
        Key::string("file").doc("File that values are appended to."),
    ])
});

/// The built-in plug-ins and the ones of this file.
pub(crate) fn registry() -> PluginRegistry {
    let mut registry = builtin::registry();
    registry.add(Plugin {
        class: "test.FaultySourceConnector",
        factory: Factory::Source(|| Box::new(FaultySource::default())),
    });
    registry.add(Plugin {
        class: "test.FaultySinkConnector",
        factory: Factory::Sink(|| Box::new(FaultySink::default())),
    });
    registry
}

#[derive(Default)]
struct FaultySource {
    settings: Settings,
}

#[async_trait]
impl SourceConnector for FaultySource {
    fn config(&self) -> &'static ConfigDef {
        &SOURCE
    }

    fn version(&self) -> String {
        "test".to_owned()
    }

    async fn start(&mut self, _: Arc<dyn ConnectorContext>, settings: &Settings) -> Result<()> {
        self.settings = settings.clone();
        if settings.get("fault").is_some_and(|fault| fault == "start") {
            return Err(ConnectError::fatal("the outside system refuses"));
        }
        Ok(())
    }

    fn task_configs(&self, _: usize) -> Result<Vec<Settings>> {
        Ok(vec![self.settings.clone()])
    }

    fn task(&self) -> Box<dyn SourceTask> {
        Box::new(FaultySourceTask::default())
    }

    async fn stop(&mut self) {}
}

#[derive(Default)]
struct FaultySourceTask {
    settings: Settings,
    has_sent: bool,
}

impl FaultySourceTask {
    /// Gives one record, then blocks its thread until the file is there.
    fn hang(&mut self) -> Vec<SourceRecord> {
        if std::mem::replace(&mut self.has_sent, true) {
            while !Path::new(&self.settings["file"]).exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
            return Vec::new();
        }
        vec![SourceRecord {
            source_partition: Arc::new(PartitionMap::new([("p", Value::from("p"))])),
            source_offset: OffsetMap::new([("position", Value::Int64(1))]),
            topic: Arc::from("lines"),
            partition: None,
            key_schema: None,
            key: Value::Null,
            value_schema: None,
            value: Value::from("one"),
            timestamp: None,
            headers: Vec::new(),
        }]
    }
}

#[async_trait]
impl SourceTask for FaultySourceTask {
    async fn start(&mut self, _: SourceTaskContext, settings: &Settings) -> Result<()> {
        self.settings = settings.clone();
        Ok(())
    }

    async fn poll(&mut self) -> Result<Vec<SourceRecord>> {
        match self.settings.get("fault").map(String::as_str) {
            Some("poll") => {
                let secret = self.settings.get("secret").cloned().unwrap_or_default();
                Err(ConnectError::fatal(format!("login with {secret} refused")))
            }
            Some("panic") => panic!("index out of range on purpose"),
            Some("hang") => Ok(self.hang()),
            _ => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(Vec::new())
            }
        }
    }

    async fn stop(&mut self) {
        if let Some(file) = self.settings.get("file") {
            std::fs::remove_file(file).unwrap();
        }
    }
}

#[derive(Default)]
struct FaultySink {
    settings: Settings,
}

#[async_trait]
impl SinkConnector for FaultySink {
    fn config(&self) -> &'static ConfigDef {
        &SINK
    }

    fn version(&self) -> String {
        "test".to_owned()
    }

    async fn start(&mut self, _: Arc<dyn ConnectorContext>, settings: &Settings) -> Result<()> {
        self.settings = settings.clone();
        Ok(())
    }

    fn task_configs(&self, _: usize) -> Result<Vec<Settings>> {
        Ok(vec![self.settings.clone()])
    }

    fn task(&self) -> Box<dyn SinkTask> {
        Box::new(FaultySinkTask::default())
    }

    async fn stop(&mut self) {}
}

#[derive(Default)]
struct FaultySinkTask {
    settings: Settings,
    failures: u32,
}

#[async_trait]
impl SinkTask for FaultySinkTask {
    async fn start(&mut self, _: Arc<dyn SinkTaskContext>, settings: &Settings) -> Result<()> {
        self.settings = settings.clone();
        self.failures = settings.get("failures").map_or(0, |text| text.parse().unwrap());
        Ok(())
    }

    async fn put(&mut self, records: &[SinkRecord]) -> Result<()> {
        if self.settings.get("fatal").is_some_and(|fatal| fatal == "true") {
            return Err(ConnectError::fatal("the outside system is gone"));
        }
        if self.failures > 0 {
            self.failures -= 1;
            return Err(ConnectError::retriable("the outside system is busy"));
        }
        let path = &self.settings["file"];
        let mut text = std::fs::read_to_string(path).unwrap_or_default();
        for record in records {
            text.push_str(&record.value.to_string());
            text.push('\n');
        }
        std::fs::write(path, text).unwrap();
        Ok(())
    }

    async fn stop(&mut self) {}
}
