//! The clients of Dataverse that the sandbox is tested with: what others wrote, run unchanged.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::node::Node;
use super::npm::Pinned;
use super::venv;

const JAVASCRIPT: Pinned = Pinned {
    name: "the Dataverse clients for JavaScript",
    package: include_str!("../../peers/dataverse/package.json"),
    lock: include_str!("../../peers/dataverse/package-lock.json"),
};
/// Every package with version and checksums, as `pip-compile --generate-hashes` writes it.
const PYTHON: &str = include_str!("../../peers/dataverse/requirements.txt");

/// Where the clients are.
pub struct Clients {
    /// The Python that has them.
    pub python: PathBuf,
    /// The folder of packages for Node.js.
    pub node_modules: PathBuf,
}

pub fn ensure(peers: &Path, node: &Node) -> Result<Clients> {
    let folder = peers.join("dataverse-node");
    let node_modules = folder.join("node_modules");
    JAVASCRIPT.install(&folder, &node_modules.join("dynamics-web-api/package.json"), node)?;
    let python = venv::ensure_locked(&peers.join("dataverse-python"), PYTHON, "the Dataverse clients for Python")?;
    Ok(Clients { python, node_modules })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_files_pin_by_checksum_and_name_no_registry() {
        assert_eq!(JAVASCRIPT.pins("dynamics-web-api").as_deref(), Some("2.5.0"));
        assert_eq!(JAVASCRIPT.pins("@azure/identity").as_deref(), Some("4.13.1"));
        for line in PYTHON.lines().filter(|line| !line.trim_start().starts_with('#')) {
            assert!(!line.contains("://"), "{line} names where it came from");
            let option = line.starts_with("--");
            assert!(!option, "{line} is about the machine it was made on");
        }
        for pin in ["powerplatform-dataverse-client[async]==1.1.0 ", "azure-identity=="] {
            assert!(PYTHON.lines().any(|line| line.starts_with(pin)), "{pin}");
        }
    }
}
