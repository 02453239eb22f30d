//! Azure Storage Queues.
//! <https://learn.microsoft.com/rest/api/storageservices/queue-service-rest-api>

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    http::{RequestContent, XmlFormat, headers::HeaderName},
    time::OffsetDateTime,
};
use azure_storage_queue::{
    QueueClient, QueueServiceClient, QueueServiceClientOptions,
    models::{
        QueueClientGetPropertiesResultHeaders as _, QueueClientPeekMessagesOptions, QueueClientReceiveMessagesOptions,
        QueueClientSendMessageOptions, QueueMessage, ReceivedMessage,
    },
};
use jiff::Timestamp;

use super::{Message, Peeked, PutOptions, Queue, QueueError, Queues, Receipt, rules};
use crate::azure::{Account, AccountError, Failure, SERVICE_VERSION, Service};

/// The queues of a storage account.
pub struct AzureQueues {
    service: QueueServiceClient,
}

impl AzureQueues {
    /// No call is made.
    ///
    /// # Errors
    /// When the account has no queue endpoint.
    pub fn new(account: &Account) -> Result<Self, AccountError> {
        let options = QueueServiceClientOptions {
            client_options: account.client_options(Service::Queue),
            version: SERVICE_VERSION.to_owned(),
        };
        let url = account.endpoint(Service::Queue)?.clone();
        let service = QueueServiceClient::new(url, account.credential(), Some(options))
            .map_err(|error| AccountError::Client(Failure::from(error).to_string()))?;
        Ok(Self { service })
    }
}

impl Queues for AzureQueues {
    fn queue(&self, name: &str) -> Result<Arc<dyn Queue>, QueueError> {
        rules::check_name(name)?;
        let client = self.service.queue_client(name).map_err(queue_error)?;
        Ok(Arc::new(AzureQueue { name: name.to_owned(), client }))
    }
}

impl fmt::Debug for AzureQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AzureQueues").field(&self.service.url().as_str()).finish()
    }
}

struct AzureQueue {
    name: String,
    client: QueueClient,
}

impl fmt::Debug for AzureQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AzureQueue").field(&self.client.url().as_str()).finish()
    }
}

#[async_trait]
impl Queue for AzureQueue {
    fn name(&self) -> &str {
        &self.name
    }

    async fn create(&self) -> Result<(), QueueError> {
        match self.client.create(None).await.map_err(Failure::from) {
            Ok(_) => Ok(()),
            // It exists with other metadata than we ask for; an equal one is 204.
            Err(failure) if failure.code() == "QueueAlreadyExists" => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn put(&self, text: &str, options: PutOptions) -> Result<(), QueueError> {
        let text = rules::check_text(text)?;
        let bytes = text.len();
        let message = QueueMessage { message_text: Some(text.into_owned()) };
        let content: RequestContent<QueueMessage, XmlFormat> = message.try_into().map_err(queue_error)?;
        let options = QueueClientSendMessageOptions {
            // Left out, it would be seven days.
            message_time_to_live: Some(options.time_to_live.map_or(-1, |ttl| seconds(ttl).max(1))),
            visibility_timeout: Some(seconds(options.visible_after.min(rules::MAX_DELAY))),
            ..Default::default()
        };
        match self.client.send_message(content, Some(options)).await.map_err(Failure::from) {
            Ok(_) => Ok(()),
            Err(failure) if matches!(failure.code(), "MessageTooLarge" | "RequestBodyTooLarge") => {
                Err(QueueError::TooLarge { bytes })
            }
            Err(failure) => Err(failure.into()),
        }
    }

    async fn receive(&self, max: usize, invisible_for: Duration) -> Result<Vec<Message>, QueueError> {
        let options = QueueClientReceiveMessagesOptions {
            number_of_messages: i32::try_from(max.clamp(1, rules::MAX_BATCH)).ok(),
            // The service takes no zero here.
            visibility_timeout: Some(seconds(invisible_for.min(rules::MAX_DELAY)).max(1)),
            ..Default::default()
        };
        let answer = self.client.receive_messages(Some(options)).await.map_err(queue_error)?;
        let messages = answer.into_model().map_err(queue_error)?.items.unwrap_or_default();
        messages.into_iter().map(message).collect()
    }

    async fn renew(&self, receipt: &Receipt, invisible_for: Duration) -> Result<Receipt, QueueError> {
        check_receipt(receipt)?;
        let hidden = seconds(invisible_for.min(rules::MAX_DELAY));
        let answer = self
            .client
            .update_message(&receipt.message_id, &receipt.pop_receipt, hidden, None)
            .await
            .map_err(receipt_error)?;
        // The crate's model of the answer lacks it.
        let pop_receipt = answer.headers().get_optional_str(&HeaderName::from_static("x-ms-popreceipt"));
        let pop_receipt = pop_receipt.ok_or_else(|| incomplete("x-ms-popreceipt"))?.to_owned();
        Ok(Receipt { message_id: receipt.message_id.clone(), pop_receipt })
    }

    async fn delete(&self, receipt: &Receipt) -> Result<(), QueueError> {
        check_receipt(receipt)?;
        self.client.delete_message(&receipt.message_id, &receipt.pop_receipt, None).await.map_err(receipt_error)?;
        Ok(())
    }

    async fn approximate_len(&self) -> Result<u64, QueueError> {
        let answer = self.client.get_properties(None).await.map_err(queue_error)?;
        let count = answer.approximate_messages_count().map_err(queue_error)?;
        Ok(count.ok_or_else(|| incomplete("x-ms-approximate-messages-count"))?.unsigned_abs())
    }

    async fn front(&self) -> Result<Vec<Peeked>, QueueError> {
        let options = QueueClientPeekMessagesOptions {
            number_of_messages: i32::try_from(rules::MAX_BATCH).ok(),
            ..Default::default()
        };
        let answer = self.client.peek_messages(Some(options)).await.map_err(queue_error)?;
        let messages = answer.into_model().map_err(queue_error)?.items.unwrap_or_default();
        let peeked = messages.into_iter().map(|message| {
            let inserted = timestamp(message.insertion_time, "InsertionTime")?;
            Ok(Peeked { text: message.message_text.unwrap_or_default(), inserted })
        });
        peeked.collect()
    }
}

fn message(received: ReceivedMessage) -> Result<Message, QueueError> {
    let id = received.message_id.ok_or_else(|| incomplete("MessageId"))?;
    Ok(Message {
        // An empty element is a message without text.
        text: received.message_text.unwrap_or_default(),
        dequeue_count: received.dequeue_count.and_then(|count| u32::try_from(count).ok()).unwrap_or(u32::MAX),
        inserted: timestamp(received.insertion_time, "InsertionTime")?,
        expires: timestamp(received.expiration_time, "ExpirationTime")?,
        next_visible: timestamp(received.time_next_visible, "TimeNextVisible")?,
        receipt: Receipt {
            message_id: id.clone(),
            pop_receipt: received.pop_receipt.ok_or_else(|| incomplete("PopReceipt"))?,
        },
        id,
    })
}

fn timestamp(time: Option<OffsetDateTime>, field: &'static str) -> Result<Timestamp, QueueError> {
    let time = time.ok_or_else(|| incomplete(field))?;
    // "Never" is the last second of 9999, which is later than the latest time jiff knows.
    Ok(Timestamp::from_second(time.unix_timestamp()).unwrap_or(Timestamp::MAX))
}

/// Rounded up to the service's unit: nothing appears too early.
fn seconds(duration: Duration) -> i32 {
    let up = duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0));
    i32::try_from(up).unwrap_or(i32::MAX)
}

/// The crate puts the id into the path as it is. The service's own are UUIDs; another one is no message of its.
fn check_receipt(receipt: &Receipt) -> Result<(), QueueError> {
    let id = &receipt.message_id;
    let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if plain && !receipt.pop_receipt.is_empty() { Ok(()) } else { Err(QueueError::ReceiptVoid) }
}

/// For calls that name a receipt: one that the service cannot read is as void as an old one.
fn receipt_error(error: azure_core::Error) -> QueueError {
    match Failure::from(error) {
        failure if failure.code() == "InvalidQueryParameterValue" => QueueError::ReceiptVoid,
        failure => failure.into(),
    }
}

fn queue_error(error: azure_core::Error) -> QueueError {
    Failure::from(error).into()
}

fn incomplete(field: &'static str) -> QueueError {
    QueueError::Unavailable(format!("the answer has no {field}"))
}

/// Codes: <https://learn.microsoft.com/rest/api/storageservices/queue-service-error-codes>
impl From<Failure> for QueueError {
    fn from(failure: Failure) -> Self {
        match failure.code() {
            "QueueNotFound" => Self::NoSuchQueue,
            "MessageNotFound" | "PopReceiptMismatch" => Self::ReceiptVoid,
            _ if failure.is_denied() => Self::Denied(failure.to_string()),
            _ => Self::Unavailable(failure.to_string()),
        }
    }
}
