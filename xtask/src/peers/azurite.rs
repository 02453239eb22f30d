//! Azurite, the emulator of Azure Storage.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::node::Node;
use super::npm::Pinned;

const PINNED: Pinned = Pinned {
    name: "Azurite",
    package: include_str!("../../peers/azurite/package.json"),
    lock: include_str!("../../peers/azurite/package-lock.json"),
};

/// The folder whose `node_modules` holds the pinned Azurite.
pub fn ensure(peers: &Path, node: &Node) -> Result<PathBuf> {
    let folder = peers.join("azurite");
    PINNED.install(&folder, &program(&folder), node)?;
    Ok(folder)
}

pub fn program(folder: &Path) -> PathBuf {
    folder.join("node_modules/azurite/dist/src/azurite.js")
}

#[cfg(test)]
mod tests {
    use super::PINNED;

    #[test]
    fn the_lock_file_pins_by_checksum_and_names_no_registry() {
        assert_eq!(PINNED.pins("azurite").as_deref(), Some("3.35.0"));
    }
}
