//! A store in memory, in which every call is a point at which another process may go on.

use std::{collections::BTreeMap, sync::Mutex};

use async_trait::async_trait;
use inevent_d365::store::{ETag, Key, Page, Record, Store, StoreError};
use serde_json::Value;

use crate::processes::step;

#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<BTreeMap<Key, Value>>);

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        step().await;
        let value = self.0.lock().unwrap().get(key).cloned();
        Ok(value.map(|value| Record { key: key.clone(), value, etag: ETag(String::new()) }))
    }

    async fn insert(&self, key: &Key, value: &Value) -> Result<ETag, StoreError> {
        step().await;
        let mut records = self.0.lock().unwrap();
        if records.contains_key(key) {
            return Err(StoreError::Exists);
        }
        records.insert(key.clone(), value.clone());
        Ok(ETag(String::new()))
    }

    async fn replace(&self, _: &Key, _: &Value, _: &ETag) -> Result<ETag, StoreError> {
        panic!("the engine replaces nothing")
    }

    async fn put(&self, key: &Key, value: &Value) -> Result<ETag, StoreError> {
        step().await;
        self.0.lock().unwrap().insert(key.clone(), value.clone());
        Ok(ETag(String::new()))
    }

    async fn delete(&self, key: &Key, _: Option<&ETag>) -> Result<(), StoreError> {
        step().await;
        self.0.lock().unwrap().remove(key);
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
        let records = self.0.lock().unwrap();
        let of = |key: &&Key| key.kind == kind && partition.is_none_or(|partition| key.partition == partition);
        let record =
            |(key, value): (&Key, &Value)| Record { key: key.clone(), value: value.clone(), etag: ETag(String::new()) };
        Ok(Page { records: records.iter().filter(|(key, _)| of(key)).map(record).collect(), next: None })
    }
}
