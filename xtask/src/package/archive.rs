//! The package as a zip file.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, System, ZipWriter};

use super::layout::Entry;

/// Writes the deployed entries to `path` and says how large the file is.
///
/// The entries are marked as made by Unix, with their modes: Azure mounts the zip as it is, and without the bit the
/// host cannot start the handler. Times are fixed, so that the same files always make the same zip.
pub fn write(entries: &[Entry], path: &Path) -> Result<u64> {
    let describe = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(describe)?;
    }
    let mut zip = ZipWriter::new(File::create(path).with_context(describe)?);
    for entry in entries.iter().filter(|entry| entry.deployed) {
        let options = SimpleFileOptions::DEFAULT
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(entry.mode)
            .system(System::Unix);
        zip.start_file(&entry.name, options).with_context(describe)?;
        let mut file = File::open(&entry.path).with_context(|| format!("cannot read {}", entry.path.display()))?;
        io::copy(&mut file, &mut zip).with_context(describe)?;
    }
    zip.finish().with_context(describe)?;
    Ok(path.metadata().with_context(describe)?.len())
}

#[cfg(test)]
mod tests {
    use super::super::layout::{BINARY, lay_out};
    use super::*;
    use crate::cargo;

    #[test]
    fn the_zip_is_made_by_unix_and_can_be_run() {
        let temp = tempfile::tempdir().unwrap();
        let binary = temp.path().join("built");
        fs::write(&binary, "the handler").unwrap();
        let entries = lay_out(&cargo::root(), &binary, &temp.path().join("dist")).unwrap();
        let path = temp.path().join("out/package.zip");
        let size = write(&entries, &path).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes.len() as u64, size);

        let mut zip = zip::ZipArchive::new(File::open(&path).unwrap()).unwrap();
        let mut names = Vec::new();
        for index in 0..zip.len() {
            let file = zip.by_index(index).unwrap();
            let name = file.name().unwrap().into_owned();
            let expected = if name == BINARY { 0o100755 } else { 0o100644 };
            assert_eq!(file.unix_mode(), Some(expected), "{name}");
            names.push(name);
        }
        let deployed: Vec<_> = entries.iter().filter(|entry| entry.deployed).map(|entry| entry.name.clone()).collect();
        assert_eq!(names, deployed);
        // The system that made an entry is the upper byte of the field after the central header's signature.
        let headers: Vec<_> = bytes.windows(6).filter(|window| window.starts_with(b"PK\x01\x02")).collect();
        assert_eq!(headers.len(), names.len());
        assert!(headers.iter().all(|header| header[5] == 3));

        write(&entries, &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
