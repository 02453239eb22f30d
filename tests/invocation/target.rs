//! The fuzz target of the invocation decoder, shared by the tests and by `fuzz/`.

use inevent_d365::{functions::invocation, queue::envelope::Envelope};

/// Whatever comes, the decoder answers; what it reads as an envelope is one still when it is written again.
pub fn run(bytes: &[u8]) {
    let Ok(read) = invocation::read(bytes, "msg") else { return };
    if let invocation::Message::Envelope(envelope) = read.message {
        let written = serde_json::to_string(&envelope).unwrap();
        assert!(Envelope::parse(&written).is_ok());
    }
}
