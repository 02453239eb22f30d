//! What is not public about InEvent, and can be had either way.

use serde::{Deserialize, Serialize};

use crate::limits::Latency;

/// Behaviour that InEvent does not publish. `ASSUMPTIONS.md` says why each default was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Variants {
    pub(super) error_shape: ErrorShape,
    /// Whether query attributes may stand in the body; they are passed over there otherwise.
    pub(super) query_attributes_in_body: bool,
    /// Calls in one second of one token; 0 lifts the limit.
    pub(super) rate_limit_per_second: usize,
    /// Calls in one second of this machine; 0 lifts the limit.
    pub(super) rate_limit_per_machine: usize,
    /// How long nothing is answered after the limit was exceeded.
    pub(super) rate_limit_block_ms: u64,
    pub(super) rate_limit_status: u16,
    /// Whether the refusal has the shape of other errors; it has no body otherwise.
    pub(super) rate_limit_body: bool,
    /// Whether `count` is the number of all rows instead of those in the answer.
    pub(super) count_is_total: bool,
    /// Whether `updatedAfterDate` and `updatedBeforeDate` change nothing.
    pub(super) since_ignored: bool,
    /// Whether people have no `dateUpdated`.
    pub(super) no_date_updated: bool,
    pub(super) check_in_does_not_touch_date_updated: bool,
    pub(super) answers_do_not_touch_date_updated: bool,
    pub(super) default_order: DefaultOrder,
    /// Whether the selection `all` also has those who wait for approval or were rejected.
    pub(super) all_lists_everyone: bool,
    pub(super) answers: AnswerShape,
    pub(super) missing_person: MissingPerson,
    /// Whether `event.person.find` takes any `limit`, as for Data Collectors.
    pub(super) unlimited_pages: bool,
    /// How long a token is good after signing in; for ever if absent.
    pub(super) token_lifetime_s: Option<i64>,
    /// Whether `event.invite.create` sends the invitation.
    pub(super) invite_mails: bool,
    /// What `event.invite.create` does about an address that is invited already.
    pub(super) second_invite: SecondInvite,
    /// A body attribute of `event.invite.create` that keeps the mail back when it is `0`; there is none if empty.
    pub(super) invite_mail_attribute: String,
    /// Whether `event.invite.create` takes `name`, `firstName`, `lastName` and `company`.
    pub(super) invite_takes_names: bool,
    /// Whether `event.invite.get` refuses to tell who is invited.
    pub(super) invite_get_blind: bool,
    /// How long answers are held back.
    pub(super) latency: Latency,
}

impl Default for Variants {
    fn default() -> Self {
        Self {
            error_shape: ErrorShape::AsAsked,
            query_attributes_in_body: true,
            rate_limit_per_second: 10,
            rate_limit_per_machine: 100,
            rate_limit_block_ms: 1000,
            rate_limit_status: 429,
            rate_limit_body: true,
            count_is_total: false,
            since_ignored: false,
            no_date_updated: false,
            check_in_does_not_touch_date_updated: false,
            answers_do_not_touch_date_updated: false,
            default_order: DefaultOrder::Enrolled,
            all_lists_everyone: false,
            answers: AnswerShape::Keys,
            missing_person: MissingPerson::NotFound,
            unlimited_pages: false,
            token_lifetime_s: None,
            invite_mails: true,
            second_invite: SecondInvite::MailsAgain,
            invite_mail_attribute: String::new(),
            invite_takes_names: false,
            invite_get_blind: false,
            latency: Latency::default(),
        }
    }
}

/// How an error is told. Both shapes have been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ErrorShape {
    /// In JSON to calls with `format=json`, else without a body.
    AsAsked,
    /// `{"error": {"message": …}}`.
    Json,
    /// In the status line only.
    Bodiless,
}

/// In which order people are listed that were not asked for in any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DefaultOrder {
    Enrolled,
    /// The newest first: a page that is read late begins with people seen before.
    Newest,
    Name,
}

/// Where a person's answers stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AnswerShape {
    /// Each under its API field.
    Keys,
    /// In a list of objects under `feedback`.
    List,
    /// Nowhere: `feedback.submission.find` lists them.
    Apart,
}

/// What `event.person.get` says of somebody who is not in the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MissingPerson {
    /// 404.
    NotFound,
    /// 401, as in the ancestor of 2013.
    Unauthorized,
    /// 200 and no object.
    Empty,
}

/// What a second invitation of the same address does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SecondInvite {
    MailsAgain,
    /// 406, no mail.
    Refused,
    /// The same answer, no mail.
    Silent,
}
