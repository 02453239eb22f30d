//! A connector whose settings a test writes.

use std::path::PathBuf;

use inevent_d365::local::host::Host;
use serde_json::{Value, json};

use crate::world::World;

/// A world whose connector reads its settings from a file.
pub struct Desk {
    pub world: World,
    pub host: Host,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Desk {
    pub async fn start() -> Self {
        Self::of(World::start().await, None).await
    }

    /// The same in a world where something waits already, with settings from the beginning.
    pub async fn of(world: World, defaults: Option<Value>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.json");
        if let Some(defaults) = defaults {
            std::fs::write(&file, json!({ "version": 1, "defaults": defaults }).to_string()).unwrap();
        }
        let host = world.host_with(&[("INEVENT_D365_SETTINGS", file.to_str().unwrap())]).await;
        Self { world, host, file, _folder: folder }
    }

    pub fn set(&self, document: Value) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, document.to_string()).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    pub fn set_defaults(&self, settings: Value) {
        self.set(json!({ "version": 1, "defaults": settings }));
    }

    pub async fn send(&self, event: Value) {
        self.world.send(&self.host, &event).await;
        self.world.drained(&self.host).await;
    }
}
