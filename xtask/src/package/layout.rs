//! The root of a function app: host.json, the handler, and one folder a function.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The handler's file name in the package.
pub const BINARY: &str = "inevent-d365";

/// A sample for those who run the package by hand; never deployed.
const SAMPLE_SETTINGS: &str = "local.settings.sample.json";

/// One file of the package.
#[derive(Debug)]
pub struct Entry {
    /// Its path in the package, with `/`.
    pub name: String,
    /// Where it was laid out.
    pub path: PathBuf,
    pub mode: u32,
    /// Whether it is deployed, too.
    pub deployed: bool,
}

/// Lays out the package of the project at `root` in `dist`, around an already built `binary`.
pub fn lay_out(root: &Path, binary: &Path, dist: &Path) -> Result<Vec<Entry>> {
    check_executable_path(&read_json(&root.join("host.json"))?)?;
    let functions = functions(&root.join("functions"))?;
    make_empty(dist)?;

    let mut package = Layout { dist, entries: Vec::new() };
    package.add(&root.join("host.json"), "host.json", 0o644, true)?;
    package.add(binary, BINARY, 0o755, true)?;
    for function in functions {
        let source = root.join("functions").join(&function).join("function.json");
        package.add(&source, &format!("{function}/function.json"), 0o644, true)?;
    }
    package.add(&root.join(SAMPLE_SETTINGS), SAMPLE_SETTINGS, 0o644, false)?;
    Ok(package.entries)
}

struct Layout<'a> {
    dist: &'a Path,
    entries: Vec<Entry>,
}

impl Layout<'_> {
    fn add(&mut self, source: &Path, name: &str, mode: u32, deployed: bool) -> Result<()> {
        let path = self.dist.join(name);
        if let Some(folder) = path.parent() {
            make_readable_folder(folder)?;
        }
        fs::copy(source, &path).with_context(|| format!("cannot copy {} to {}", source.display(), path.display()))?;
        // Azure mounts the package for another user than the one who packed it.
        fs::set_permissions(&path, Permissions::from_mode(mode))
            .with_context(|| format!("cannot set the mode of {}", path.display()))?;
        self.entries.push(Entry { name: name.to_owned(), path, mode, deployed });
        Ok(())
    }
}

/// The host starts the executable by this name, and the deployment tools mark as executable only the entry whose
/// name is the same to the letter (`./inevent-d365` is not).
fn check_executable_path(host: &Value) -> Result<()> {
    let named = &host["customHandler"]["description"]["defaultExecutablePath"];
    if named != BINARY {
        bail!("host.json: customHandler.description.defaultExecutablePath is {named}, not \"{BINARY}\"");
    }
    Ok(())
}

/// The names of the functions, in order.
fn functions(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if !path.is_dir() {
            continue;
        }
        let definition = read_json(&path.join("function.json"))?;
        if !definition["bindings"].is_array() {
            bail!("{}/function.json has no bindings", path.display());
        }
        let name = path.file_name().and_then(|name| name.to_str()).context("a function's name is not UTF-8")?;
        names.push(name.to_owned());
    }
    if names.is_empty() {
        bail!("{} holds no function", folder.display());
    }
    names.sort();
    Ok(names)
}

fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))
}

/// Makes the folder, or empties it of an earlier package: a function that is gone must not be deployed on.
fn make_empty(dist: &Path) -> Result<()> {
    let occupied = dist.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        // A mistyped path must not cost anyone a folder.
        if !dist.join("host.json").is_file() || dist.join("Cargo.toml").exists() {
            bail!("{} is neither empty nor an earlier package", dist.display());
        }
        fs::remove_dir_all(dist).with_context(|| format!("cannot empty {}", dist.display()))?;
    }
    make_readable_folder(dist)
}

fn make_readable_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::set_permissions(folder, Permissions::from_mode(0o755))
        .with_context(|| format!("cannot set the mode of {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cargo;

    fn binary(folder: &Path) -> PathBuf {
        let path = folder.join("built");
        fs::write(&path, "the handler").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        path
    }

    #[test]
    fn the_folder_is_the_root_of_a_function_app() {
        let temp = tempfile::tempdir().unwrap();
        let dist = temp.path().join("dist");
        let entries = lay_out(&cargo::root(), &binary(temp.path()), &dist).unwrap();

        let host = read_json(&dist.join("host.json")).unwrap();
        let executable = host["customHandler"]["description"]["defaultExecutablePath"].as_str().unwrap();
        assert_eq!(fs::read_to_string(dist.join(executable)).unwrap(), "the handler");
        for function in ["IngestEvents", "SyncEvents", "ParkPoisonedEvents", "Health", "FlushActivities"] {
            assert!(dist.join(function).join("function.json").is_file(), "{function}");
        }
        assert!(!dist.join("functions").exists(), "the host reads only folders beside host.json");
        assert!(dist.join(SAMPLE_SETTINGS).is_file());
        assert!(entries.iter().all(|entry| entry.deployed == (entry.name != SAMPLE_SETTINGS)));
    }

    #[test]
    fn everyone_may_read_and_run_it() {
        let temp = tempfile::tempdir().unwrap();
        let dist = temp.path().join("dist");
        let entries = lay_out(&cargo::root(), &binary(temp.path()), &dist).unwrap();
        for entry in entries {
            let expected = if entry.name == BINARY { 0o755 } else { 0o644 };
            assert_eq!(entry.path.metadata().unwrap().permissions().mode() & 0o777, expected, "{}", entry.name);
        }
        assert_eq!(dist.join("Health").metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn an_earlier_package_is_replaced_and_nothing_else_is() {
        let temp = tempfile::tempdir().unwrap();
        let binary = binary(temp.path());
        let dist = temp.path().join("dist");
        lay_out(&cargo::root(), &binary, &dist).unwrap();
        fs::create_dir(dist.join("Gone")).unwrap();
        lay_out(&cargo::root(), &binary, &dist).unwrap();
        assert!(!dist.join("Gone").exists());

        let other = temp.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("letter.txt"), "dear").unwrap();
        assert!(lay_out(&cargo::root(), &binary, &other).is_err());
        assert!(lay_out(&cargo::root(), &binary, &cargo::root()).is_err());
        assert!(other.join("letter.txt").exists());
    }

    #[test]
    fn a_host_json_that_starts_something_else_is_refused() {
        for (path, right) in [("inevent-d365", true), ("./inevent-d365", false), ("handler", false)] {
            let host = serde_json::json!({"customHandler": {"description": {"defaultExecutablePath": path}}});
            assert_eq!(check_executable_path(&host).is_ok(), right, "{path}");
        }
        assert!(check_executable_path(&serde_json::json!({"version": "2.0"})).is_err());
    }
}
