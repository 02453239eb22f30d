//! The storage accounts that the handler is given to put its messages in.

mod azurite;
mod stand_in;

pub use azurite::Azurite;
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
