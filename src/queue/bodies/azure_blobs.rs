//! Bodies as block blobs.
//! <https://learn.microsoft.com/rest/api/storageservices/operations-on-blobs>

use async_trait::async_trait;
use azure_core::http::{Method, Request};

use crate::{
    azure::{Account, AccountError, Failure, Rest, Service},
    queue::{Bodies, QueueError, rules},
};

/// The bodies in one container of a storage account. The container is created when the first body is put.
#[derive(Debug)]
pub struct AzureBlobBodies {
    blobs: Rest,
    container: String,
}

impl AzureBlobBodies {
    /// No call is made.
    ///
    /// # Errors
    /// When the service would refuse the container's name, or the account has no blob endpoint.
    pub fn new(account: &Account, container: &str) -> Result<Self, AccountError> {
        rules::check_name(container).map_err(|error| AccountError::Invalid {
            setting: "the container for large bodies".to_owned(),
            problem: error.to_string(),
        })?;
        Ok(Self { blobs: Rest::new(account, Service::Blob)?, container: container.to_owned() })
    }

    async fn call(&self, method: Method, key: &str, body: Option<&[u8]>) -> Result<Vec<u8>, Failure> {
        let mut segments = vec![self.container.as_str()];
        segments.extend(key.split('/'));
        let mut request = Request::new(self.blobs.url(&segments), method);
        if let Some(body) = body {
            request.insert_header("x-ms-blob-type", "BlockBlob");
            request.insert_header("content-type", "application/octet-stream");
            request.set_body(body.to_vec());
        }
        Ok(self.blobs.send(request).await?.body().to_vec())
    }

    async fn create_container(&self) -> Result<(), Failure> {
        let url = self.blobs.url_with_query(&[&self.container], &[("restype", "container")]);
        match self.blobs.send(Request::new(url, Method::Put)).await {
            Err(failure) if failure.code() != "ContainerAlreadyExists" => Err(failure),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl Bodies for AzureBlobBodies {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), QueueError> {
        rules::check_key(key)?;
        let mut result = self.call(Method::Put, key, Some(bytes)).await;
        if matches!(&result, Err(failure) if failure.code() == "ContainerNotFound") {
            self.create_container().await?;
            result = self.call(Method::Put, key, Some(bytes)).await;
        }
        result?;
        Ok(())
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, QueueError> {
        rules::check_key(key)?;
        match self.call(Method::Get, key, None).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(failure) if failure.status() == Some(404) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn delete(&self, key: &str) -> Result<(), QueueError> {
        rules::check_key(key)?;
        match self.call(Method::Delete, key, None).await {
            Err(failure) if failure.status() != Some(404) => Err(failure.into()),
            _ => Ok(()),
        }
    }
}
