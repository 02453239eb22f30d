//! Records in Azure Table storage: a table for each kind of record.
//! <https://learn.microsoft.com/rest/api/storageservices/table-service-rest-api>

mod entity;
mod paging;

use async_trait::async_trait;
use azure_core::http::{Method, RawResponse, Request, Url, headers::HeaderName};
use serde_json::{Value, json};
use uuid::Uuid;

use self::entity::Entity;
use super::{ETag, Key, Page, Record, Store, StoreError, rules};
use crate::azure::{Account, AccountError, Failure, Rest, Service};

/// The records in the tables of a storage account. A table is created when its first record is written.
#[derive(Debug)]
pub struct AzureTableStore {
    tables: Rest,
    prefix: String,
}

/// A request with the entity in its body, and what it must find there.
struct Write<'a> {
    method: Method,
    key: &'a Key,
    entity: &'a Entity,
    if_match: Option<&'a ETag>,
}

impl AzureTableStore {
    /// The table of a kind is called `prefix` + kind. No call is made.
    ///
    /// # Errors
    /// When the prefix is not up to 31 lower-case letters and digits, a letter first, or the account has no table
    /// endpoint.
    pub fn new(account: &Account, prefix: &str) -> Result<Self, AccountError> {
        let letters = prefix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !letters || prefix.len() > 31 || !prefix.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(AccountError::Invalid {
                setting: "the prefix of the tables' names".to_owned(),
                problem: "it is not up to 31 lower-case letters and digits, a letter first".to_owned(),
            });
        }
        Ok(Self { tables: Rest::new(account, Service::Table)?, prefix: prefix.to_owned() })
    }

    fn table(&self, kind: &str) -> String {
        format!("{}{kind}", self.prefix)
    }

    fn entity_url(&self, key: &Key) -> Result<Url, StoreError> {
        let (partition, row) = rules::check_key(key)?;
        // Neither holds a quote: it is escaped.
        let segment = format!("{}(PartitionKey='{partition}',RowKey='{row}')", self.table(key.kind));
        Ok(self.tables.url(&[&segment]))
    }

    async fn write(&self, write: Write<'_>) -> Result<Result<ETag, Failure>, StoreError> {
        let url = match write.method {
            Method::Post => self.tables.url(&[&self.table(write.key.kind)]),
            _ => self.entity_url(write.key)?,
        };
        let mut request = json_request(url, write.method);
        request.insert_header("prefer", "return-no-content");
        request.set_body(write.entity.to_json());
        if let Some(etag) = write.if_match {
            request.insert_header("if-match", etag.0.clone());
        }
        let mut answer = self.tables.send(request.clone()).await;
        if matches!(&answer, Err(failure) if failure.code() == "TableNotFound") && write.if_match.is_none() {
            self.create_table(write.key.kind).await?;
            answer = self.tables.send(request).await;
        }
        match answer {
            Ok(answer) => Ok(Ok(etag_header(&answer).ok_or_else(|| unreadable("an answer without an ETag"))?)),
            Err(failure) => Ok(Err(failure)),
        }
    }

    async fn create_table(&self, kind: &str) -> Result<(), Failure> {
        let mut request = json_request(self.tables.url(&["Tables"]), Method::Post);
        request.insert_header("prefer", "return-no-content");
        request.set_body(json!({"TableName": self.table(kind)}).to_string());
        match self.tables.send(request).await {
            Err(failure) if failure.code() != "TableAlreadyExists" => Err(failure),
            _ => Ok(()),
        }
    }

    async fn read(&self, key: &Key) -> Result<Option<(Entity, ETag)>, StoreError> {
        let request = json_request(self.entity_url(key)?, Method::Get);
        match self.tables.send(request).await {
            Ok(answer) => {
                let entity = Entity::from_json(answer.body())?;
                let etag = etag_header(&answer).ok_or_else(|| unreadable("an answer without an ETag"))?;
                Ok(Some((entity, etag)))
            }
            // Neither the record nor, maybe, its table is there.
            Err(failure) if failure.status() == Some(404) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// A write that was refused because of what is there already may have been refused because of itself: its answer was
    /// lost, and it was sent again. Then what is there bears its mark.
    async fn after_conflict(&self, key: &Key, ours: &Entity, refusal: StoreError) -> Result<ETag, StoreError> {
        match self.read(key).await? {
            Some((there, etag)) if there.is_same_write(ours) => Ok(etag),
            _ => Err(refusal),
        }
    }
}

#[async_trait]
impl Store for AzureTableStore {
    async fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let Some((entity, etag)) = self.read(key).await? else { return Ok(None) };
        Ok(Some(Record { key: key.clone(), value: entity.value()?, etag }))
    }

    async fn insert(&self, key: &Key, value: &Value) -> Result<ETag, StoreError> {
        let entity = Entity::new(key, value, Uuid::new_v4())?;
        match self.write(Write { method: Method::Post, key, entity: &entity, if_match: None }).await? {
            Err(failure) if failure.code() == "EntityAlreadyExists" => {
                self.after_conflict(key, &entity, StoreError::Exists).await
            }
            done => Ok(done?),
        }
    }

    async fn replace(&self, key: &Key, value: &Value, etag: &ETag) -> Result<ETag, StoreError> {
        let entity = Entity::new(key, value, Uuid::new_v4())?;
        match self.write(Write { method: Method::Put, key, entity: &entity, if_match: Some(etag) }).await? {
            Err(failure) if failure.status() == Some(412) => {
                self.after_conflict(key, &entity, StoreError::Changed).await
            }
            Err(failure) if failure.status() == Some(404) => Err(StoreError::Changed),
            done => Ok(done?),
        }
    }

    async fn put(&self, key: &Key, value: &Value) -> Result<ETag, StoreError> {
        let entity = Entity::new(key, value, Uuid::new_v4())?;
        Ok(self.write(Write { method: Method::Put, key, entity: &entity, if_match: None }).await??)
    }

    /// A conditional delete whose answer was lost is sent again and then finds nothing: it reports
    /// [`StoreError::Changed`] although it was itself that deleted.
    async fn delete(&self, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError> {
        let mut request = json_request(self.entity_url(key)?, Method::Delete);
        request.insert_header("if-match", etag.map_or_else(|| "*".to_owned(), |etag| etag.0.clone()));
        match self.tables.send(request).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.status() == Some(404) && etag.is_none() => Ok(()),
            Err(failure) if matches!(failure.status(), Some(404 | 412)) => Err(StoreError::Changed),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn list(
        &self,
        kind: &'static str,
        partition: Option<&str>,
        limit: usize,
        next: Option<&str>,
    ) -> Result<Page, StoreError> {
        rules::check_kind(kind)?;
        let query = paging::query(partition, limit, next)?;
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let url = self.tables.url_with_query(&[&format!("{}()", self.table(kind))], &query);
        match self.tables.send(json_request(url, Method::Get)).await {
            Ok(answer) => paging::page(kind, &answer),
            Err(failure) if failure.code() == "TableNotFound" => Ok(Page { records: Vec::new(), next: None }),
            Err(failure) => Err(failure.into()),
        }
    }
}

fn json_request(url: Url, method: Method) -> Request {
    let mut request = Request::new(url, method);
    // Minimal metadata: with none, a listing has no ETags.
    request.insert_header("accept", "application/json;odata=minimalmetadata");
    request.insert_header("dataserviceversion", "3.0");
    if matches!(method, Method::Post | Method::Put) {
        request.insert_header("content-type", "application/json");
    }
    request
}

fn etag_header(answer: &RawResponse) -> Option<ETag> {
    answer.headers().get_optional_str(&HeaderName::from_static("etag")).map(|etag| ETag(etag.to_owned()))
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Unavailable(format!("Table storage: {what}"))
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        if failure.is_denied() { Self::Denied(failure.to_string()) } else { Self::Unavailable(failure.to_string()) }
    }
}
