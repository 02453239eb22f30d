//! InEvent's side: its API over HTTP, its webhooks through the functions' routes.

#![allow(clippy::unwrap_used, clippy::panic)]

#[cfg(feature = "local")]
mod cli;
mod client;
mod decoder;
#[cfg(feature = "local")]
mod desk;
#[cfg(feature = "local")]
mod hydration;
#[cfg(feature = "local")]
mod stand_in;
mod turns;
#[cfg(feature = "local")]
mod webhook;

use proptest::prelude::*;

proptest! {
    #[test]
    fn the_decoder_bears_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        decoder::run(&bytes);
    }

    /// Bytes of which JSON and forms are made.
    #[test]
    fn the_decoder_bears_what_looks_like_a_body(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "=", "&", "\"", "\"eventID\"", "\"personID\"", "\"data\"", "\"type\"", "\"event\"",
                "\"event_enrollment\"", "\"email\"", "\"a@x.example\"", "12", "\"34\"", "null", "data[", "%5B", "type", "eventID",
            ]),
            0..60,
        ),
    ) {
        decoder::run(format!("1{}", words.concat()).as_bytes());
        decoder::run(format!("0{{\"type\":\"checkin\",{}", words.concat()).as_bytes());
    }
}
