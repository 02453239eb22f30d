//! SHA256SUMS, as `sha256sum --check` reads it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The checksum in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Writes the checksums of files of one folder into its SHA256SUMS, and says where that is.
pub fn write(files: &[&Path]) -> Result<PathBuf> {
    let mut lines = String::new();
    for path in files {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_name().context("a file without a name")?.to_string_lossy();
        let _ = writeln!(lines, "{}  {name}", sha256(&bytes));
    }
    let sums = files.first().context("no files")?.with_file_name("SHA256SUMS");
    fs::write(&sums, lines).with_context(|| format!("cannot write {}", sums.display()))?;
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksums_stand_beside_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one.zip"), folder.path().join("one.cdx.json"));
        fs::write(&one, "abc").unwrap();
        fs::write(&two, "").unwrap();
        let sums = fs::read_to_string(write(&[&one, &two]).unwrap()).unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  one.zip\n\
            e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  one.cdx.json\n";
        assert_eq!(sums, expected);
    }
}
