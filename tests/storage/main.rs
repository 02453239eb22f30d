//! The storage traits, each kind held to one contract: SQLite, and Azure Storage as Azurite is it.
#![allow(clippy::unwrap_used)]

mod account;
mod any_json;
#[path = "../peers/azurite.rs"]
mod azurite;
mod bodies_contract;
mod forget_contract;
mod lease_contract;
mod lost_answers;
mod parked_contract;
mod places;
mod queue_contract;
mod silence;
mod sqlite_processes;
mod store_contract;
mod synclog_contract;
mod waiting;

/// Makes a test of each case for each kind of place.
macro_rules! contract {
    ($suite:ident: $($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$suite::$case(&crate::places::Place::sqlite()).await;
            })+
        }
        mod azure {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$suite::$case(&crate::places::Place::azure().await).await;
            })+
        }
    };
}

mod queue {
    use super::queue_contract;
    contract!(queue_contract:
        creating_twice_is_success,
        a_missing_queue_is_named_as_such,
        names_the_service_would_refuse_are_refused,
        a_message_is_received_and_deleted,
        a_received_message_comes_back_and_its_old_receipt_is_void,
        a_delayed_message_is_not_seen_early,
        the_messages_that_can_be_seen_are_told_and_not_touched,
        renewing_voids_the_old_receipt,
        renewing_for_no_time_makes_it_visible,
        an_expired_message_never_comes_back,
        receipts_from_elsewhere_are_void,
        at_most_32_at_a_time,
        receivers_never_share_a_message,
        exactly_64_kib_and_not_a_byte_more,
        nasty_text_survives,
        text_xml_cannot_carry_is_refused,
        any_json_survives,
    );
}

mod bodies {
    use super::bodies_contract;
    contract!(bodies_contract:
        bytes_are_kept_until_deleted,
        deleting_nothing_is_success,
        a_second_put_replaces,
        any_bytes_of_any_length_survive,
        first_puts_may_come_together,
        keys_with_other_characters_are_refused,
    );
}

mod store {
    use super::store_contract;
    contract!(store_contract:
        nothing_is_there_at_first,
        a_record_is_inserted_once,
        only_the_current_version_is_replaced,
        a_put_overwrites_whatever_is_there,
        an_old_version_of_a_reinserted_record_is_still_old,
        racing_inserts_have_one_winner,
        racing_increments_are_all_counted,
        a_long_list_comes_in_pages,
        any_text_is_a_key,
        keys_too_long_or_kinds_misnamed_are_refused,
        large_records_fit_up_to_the_limit,
        any_json_is_a_record,
    );
}

mod parked {
    use super::parked_contract;
    contract!(parked_contract:
        the_same_parked_twice_is_kept_once,
        what_is_large_lies_in_pieces_and_leaves_none,
        any_number_is_listed_page_by_page,
        pieces_without_a_head_are_told_after_a_day,
        a_replayed_event_is_queued_and_not_parked,
        what_is_parked_anew_during_its_replay_stays,
    );
}

mod forget {
    use super::forget_contract;
    contract!(forget_contract:
        who_is_forgotten_is_known_within_ten_seconds,
        participants_are_known_by_their_ids_until_their_address_is_taken_back,
        a_person_is_erased_from_what_is_parked,
        what_is_past_its_time_is_removed,
        a_run_does_a_bounded_part_and_the_next_goes_on,
    );
}

mod synclog {
    use super::synclog_contract;
    contract!(synclog_contract:
        entries_are_found_by_event_person_result_and_time,
        the_ids_of_a_participant_are_taken_out,
        a_batch_costs_one_record_an_event,
        what_is_old_is_removed_and_nothing_else,
    );
}

mod lease {
    use super::lease_contract;
    contract!(lease_contract:
        one_of_many_gets_it,
        one_of_many_takes_it_over,
        it_is_taken_over_after_its_time_and_the_skew,
        renewing_prolongs_it,
        a_released_lease_is_free_at_once,
    );
}
