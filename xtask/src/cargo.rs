//! Running cargo from inside a command that cargo itself started.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the workspace.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// A cargo command in the workspace's root, in the environment that the user's shell would give it.
///
/// `cargo run` tells the program it starts which package that is. Left in place, those variables would reach
/// the build scripts of the nested cargo and make it rebuild what a plain `cargo build` has built, and back again.
pub fn command() -> Command {
    command_of(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// The same for a program that runs cargo itself.
pub fn command_of(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(names_this_package) {
            command.env_remove(name);
        }
    }
    command
}

fn names_this_package(variable: &str) -> bool {
    variable.starts_with("CARGO_PKG_")
        || variable.starts_with("CARGO_MANIFEST_")
        || matches!(variable, "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("host.json").is_file());
    }

    #[test]
    fn only_variables_about_this_package_are_dropped() {
        for (variable, dropped) in [
            ("CARGO_PKG_VERSION", true),
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO_HOME", false),
            ("CARGO_TARGET_DIR", false),
            ("CARGO", false),
        ] {
            assert_eq!(names_this_package(variable), dropped, "{variable}");
        }
    }
}
