//! The storage accounts that the handler is given to put its messages in.

mod azurite;
mod queues;
mod stand_in;

pub use azurite::Azurite;
pub use queues::Queues;
pub use stand_in::StandIn;

/// The development account: its name and key are published by Microsoft and the same everywhere.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// What `AzureWebJobsStorage` is set to.
fn connection_string(blob: u16, queue: u16, table: u16) -> String {
    format!(
        "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};\
         BlobEndpoint=http://127.0.0.1:{blob}/{ACCOUNT};\
         QueueEndpoint=http://127.0.0.1:{queue}/{ACCOUNT};\
         TableEndpoint=http://127.0.0.1:{table}/{ACCOUNT};"
    )
}

/// An answer of the storage services, with more header lines, each with its line end.
fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\
         ETag: \"0x1\"\r\nLast-Modified: Tue, 12 May 2026 09:00:00 GMT\r\nDate: Tue, 12 May 2026 09:00:00 GMT\r\n\
         x-ms-request-id: 00000000-0000-0000-0000-000000000000\r\nx-ms-version: 2025-11-05\r\n{headers}\r\n{body}",
        body.len()
    )
    .into_bytes()
}
