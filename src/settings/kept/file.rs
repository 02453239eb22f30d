//! The document in a file. The versions it replaced lie in a folder beside it: `settings.json.history`.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{ETag, Kept, PlaceError, SettingsPlace, is_version, version, versions};

/// One file. Its ETag is made of its content.
#[derive(Debug)]
pub struct FilePlace {
    path: PathBuf,
}

impl FilePlace {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(suffix);
        path.into()
    }

    fn problem(&self, error: &std::io::Error) -> PlaceError {
        PlaceError::Unreadable(format!("the settings file {} cannot be used: {error}", self.path.display()))
    }

    async fn write_whole(&self, path: &Path, text: &str) -> Result<(), PlaceError> {
        // By way of another name, so that nobody reads a half.
        let new = self.beside(&format!(".{}.new", uuid::Uuid::new_v4().simple()));
        tokio::fs::write(&new, text).await.map_err(|error| self.problem(&error))?;
        tokio::fs::rename(&new, path).await.map_err(|error| self.problem(&error))
    }
}

#[async_trait]
impl SettingsPlace for FilePlace {
    async fn read(&self) -> Result<Option<Kept>, PlaceError> {
        match tokio::fs::read_to_string(&self.path).await {
            Ok(text) => Ok(Some(Kept { etag: etag(&text), text })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.problem(&error)),
        }
    }

    async fn write(&self, text: &str, expected: Option<&ETag>) -> Result<ETag, PlaceError> {
        let kept = self.read().await?;
        if kept.as_ref().map(|kept| &kept.etag) != expected {
            return Err(PlaceError::Changed);
        }
        if let Some(kept) = kept {
            let history = self.beside(".history");
            tokio::fs::create_dir_all(&history).await.map_err(|error| self.problem(&error))?;
            let name = format!("{}.json", version(Timestamp::now()));
            self.write_whole(&history.join(name), &kept.text).await?;
        }
        self.write_whole(&self.path, text).await?;
        Ok(etag(text))
    }

    async fn history(&self) -> Result<Vec<String>, PlaceError> {
        let mut files = match tokio::fs::read_dir(self.beside(".history")).await {
            Ok(files) => files,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.problem(&error)),
        };
        let mut names = Vec::new();
        while let Some(file) = files.next_entry().await.map_err(|error| self.problem(&error))? {
            names.extend(file.file_name().into_string());
        }
        Ok(versions(names.into_iter()))
    }

    async fn replaced(&self, version: &str) -> Result<Option<String>, PlaceError> {
        if !is_version(version) {
            return Ok(None);
        }
        match tokio::fs::read_to_string(self.beside(".history").join(format!("{version}.json"))).await {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.problem(&error)),
        }
    }

    /// A file is read each time: that costs nothing beside a batch.
    fn fresh_for(&self) -> Duration {
        Duration::ZERO
    }
}

fn etag(text: &str) -> ETag {
    ETag(Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn versions_replace_each_other_and_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = FilePlace::new(folder.path().join("settings.json"));
        assert_eq!(place.read().await, Ok(None));
        let first = place.write("{}", None).await.unwrap();
        assert_eq!(place.write("{ }", None).await, Err(PlaceError::Changed));
        let second = place.write("{  }", Some(&first)).await.unwrap();
        assert_eq!(place.write("{ }", Some(&first)).await, Err(PlaceError::Changed));
        assert_eq!(place.read().await, Ok(Some(Kept { text: "{  }".into(), etag: second.clone() })));
        place.write("{   }", Some(&second)).await.unwrap();
        let history = place.history().await.unwrap();
        assert_eq!(history.len(), 2);
        assert_eq!(place.replaced(&history[0]).await, Ok(Some("{  }".into())));
        assert_eq!(place.replaced(&history[1]).await, Ok(Some("{}".into())));
        assert_eq!(place.replaced("../settings").await, Ok(None));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[tokio::test]
    async fn what_is_no_text_is_unreadable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(FilePlace::new(path).read().await, Err(PlaceError::Unreadable(_))));
    }
}
