//! A store in memory, in which every call is a point at which another process may go on.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use inevent_d365::store::{ETag, Key, Page, Record, Store, StoreError};
use serde_json::Value;

use crate::processes::step;

#[derive(Debug, Default)]
pub struct MemoryStore {
    records: Mutex<BTreeMap<Key, (u64, Value)>>,
    versions: AtomicU64,
}

impl MemoryStore {
    fn write(
        &self,
        key: &Key,
        value: &Value,
        may: impl FnOnce(Option<u64>) -> Result<(), StoreError>,
    ) -> Result<ETag, StoreError> {
        let mut records = self.records.lock().unwrap();
        may(records.get(key).map(|(version, _)| *version))?;
        let version = self.versions.fetch_add(1, Ordering::Relaxed);
        records.insert(key.clone(), (version, value.clone()));
        Ok(etag(version))
    }
}

fn etag(version: u64) -> ETag {
    ETag(version.to_string())
}

fn at(expected: &ETag, version: Option<u64>) -> Result<(), StoreError> {
    if version.map(etag).as_ref() == Some(expected) { Ok(()) } else { Err(StoreError::Changed) }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        step().await;
        let record = self.records.lock().unwrap().get(key).cloned();
        Ok(record.map(|(version, value)| Record { key: key.clone(), value, etag: etag(version) }))
    }

    async fn insert(&self, key: &Key, value: &Value) -> Result<ETag, StoreError> {
        step().await;
        self.write(key, value, |version| version.map_or(Ok(()), |_| Err(StoreError::Exists)))
    }

    async fn replace(&self, key: &Key, value: &Value, expected: &ETag) -> Result<ETag, StoreError> {
        step().await;
        self.write(key, value, |version| at(expected, version))
    }

    async fn put(&self, key: &Key, value: &Value) -> Result<ETag, StoreError> {
        step().await;
        self.write(key, value, |_| Ok(()))
    }

    async fn delete(&self, key: &Key, expected: Option<&ETag>) -> Result<(), StoreError> {
        step().await;
        let mut records = self.records.lock().unwrap();
        if let Some(expected) = expected {
            at(expected, records.get(key).map(|(version, _)| *version))?;
        }
        records.remove(key);
        Ok(())
    }

    async fn list(
        &self,
        kind: &'static str,
        partition: Option<&str>,
        _: usize,
        _: Option<&str>,
    ) -> Result<Page, StoreError> {
        step().await;
        let records = self.records.lock().unwrap();
        let of = |key: &&Key| key.kind == kind && partition.is_none_or(|partition| key.partition == partition);
        let found = records.iter().filter(|(key, _)| of(key));
        let record = |(key, (version, value)): (&Key, &(u64, Value))| Record {
            key: key.clone(),
            value: value.clone(),
            etag: etag(*version),
        };
        Ok(Page { records: found.map(record).collect(), next: None })
    }
}
