//! The Bicep files: that they build without a word, are formatted, and predict what is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result};

use super::compiler::Compiler;
use crate::peers::Peers;
use crate::peers::tools;
use crate::steps::Verdict;

/// Where the predicted deployment goes: no real subscription, and the same on every machine.
const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";
const TENANT: &str = "00000000-0000-0000-0000-000000000002";
const LOCATION: &str = "westeurope";

/// Reads every file that it is given, and says which it cannot.
const PARSE: &str = "
import pathlib, sys
from pycep import BicepParser
parser, failed = BicepParser(), 0
for name in sys.argv[1:]:
    try:
        parser.parse(file_path=pathlib.Path(name))
    except Exception as error:
        failed = 1
        print(name, error, file=sys.stderr)
sys.exit(failed)
";

pub fn check(overwrite: bool) -> Result<Verdict> {
    let compiler = match Compiler::find() {
        Ok(compiler) => compiler,
        Err(why) => {
            return Ok(match parse()? {
                true => Verdict::Skipped(format!("{why:#}; the files were only parsed")),
                false => Verdict::Failed,
            });
        }
    };
    let (templates, parameters) = (files("bicep")?, files("bicepparam")?);
    let mut passed = true;
    let mut said = |about: &str, output: &Output| {
        let text = [&output.stdout[..], &output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        let silent = text.trim().is_empty();
        if !output.status.success() || !silent {
            eprintln!("{about}: {}\n{}", output.status, text.trim());
            passed = false;
        }
    };
    // Lint says what build says, and more; a warning does not change its exit code, so that it has to be silent.
    for pattern in ["**/*.bicep", "**/*.bicepparam"] {
        said("bicep lint", &compiler.run(["lint", "--pattern", pattern])?);
    }
    for name in &parameters {
        let group = format!("rg-inevent-d365-{}", name.file_stem().unwrap_or_default().to_string_lossy());
        let mode = if overwrite { "overwrite" } else { "validate" };
        let name = name.to_string_lossy();
        let place = ["--subscription-id", SUBSCRIPTION, "--tenant-id", TENANT, "--location", LOCATION];
        let args = ["snapshot", &name, "--mode", mode, "--resource-group", &group];
        said(&format!("bicep snapshot {name}"), &compiler.run(args.into_iter().chain(place))?);
    }
    for name in templates.iter().chain(&parameters) {
        let output = compiler.run(["format".as_ref(), "--stdout".as_ref(), name.as_os_str()])?;
        let path = super::folder().join(name);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if output.stdout != text {
            if overwrite && output.status.success() {
                fs::write(&path, &output.stdout).with_context(|| format!("cannot write {}", path.display()))?;
            } else {
                eprintln!("bicep format: {} has another form", name.display());
                passed = false;
            }
        }
    }
    println!("   {} templates, {} files of parameters", templates.len(), parameters.len());
    Ok(Verdict::of(passed))
}

/// Whether a parser of somebody else's reads every template.
fn parse() -> Result<bool> {
    let python = tools::LINTERS.ensure(&Peers::folder())?.join("python");
    let status = Command::new(python)
        .args(["-c", PARSE])
        .args(files("bicep")?)
        .current_dir(super::folder())
        .status()
        .context("cannot run the parser of Bicep")?;
    Ok(status.success())
}

/// The files with this extension in `infra/`, by their paths in it, in order.
fn files(extension: &str) -> Result<Vec<PathBuf>> {
    fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
            if path.is_dir() {
                walk(&path, extension, found)?;
            } else if path.extension().is_some_and(|other| other == extension) {
                found.push(path);
            }
        }
        Ok(())
    }
    let (root, mut found) = (super::folder(), Vec::new());
    walk(&root, extension, &mut found)?;
    let mut found: Vec<_> = found.iter().filter_map(|path| path.strip_prefix(&root).ok()).map(PathBuf::from).collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_found() {
        let templates = files("bicep").unwrap();
        for name in ["main.bicep", "app-registration.bicep", "modules/storage.bicep"] {
            assert!(templates.contains(&PathBuf::from(name)), "{name}");
        }
        assert_eq!(
            files("bicepparam").unwrap(),
            ["parameters/production.bicepparam", "parameters/sandbox.bicepparam"].map(PathBuf::from)
        );
    }
}
