//! The catalogue of triggers, after the headings of InEvent's article "Webhook events".

use serde::{Deserialize, Serialize};

/// What a webhook can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::inevent) enum Trigger {
    EventCreated,
    ActivityEnrollment,
    ActivityDismissal,
    EventEdited,
    EventEnrollment,
    EventEnrollmentUpdate,
    EventDismissal,
    EventCheckIn,
    EventCheckOut,
    ActivityCheckIn,
    ActivityCheckOut,
    ActivityCreated,
    ActivityEdited,
    ActivityRemoved,
    SpeakerCreated,
    SpeakerEdited,
    SpeakerRemoved,
    EndOfEvent,
}

impl Trigger {
    const ALL: [Self; 18] = [
        Self::EventCreated,
        Self::ActivityEnrollment,
        Self::ActivityDismissal,
        Self::EventEdited,
        Self::EventEnrollment,
        Self::EventEnrollmentUpdate,
        Self::EventDismissal,
        Self::EventCheckIn,
        Self::EventCheckOut,
        Self::ActivityCheckIn,
        Self::ActivityCheckOut,
        Self::ActivityCreated,
        Self::ActivityEdited,
        Self::ActivityRemoved,
        Self::SpeakerCreated,
        Self::SpeakerEdited,
        Self::SpeakerRemoved,
        Self::EndOfEvent,
    ];

    /// The `type` that it has unless the settings say otherwise. InEvent does not publish its own.
    pub(super) fn guess(self) -> &'static str {
        match self {
            Self::EventCreated => "event_created",
            Self::ActivityEnrollment => "activity_enrollment",
            Self::ActivityDismissal => "activity_dismissal",
            Self::EventEdited => "event_edited",
            Self::EventEnrollment => "event_enrollment",
            Self::EventEnrollmentUpdate => "event_enrollment_update",
            Self::EventDismissal => "event_dismissal",
            Self::EventCheckIn => "event_check_in",
            Self::EventCheckOut => "event_check_out",
            Self::ActivityCheckIn => "activity_check_in",
            Self::ActivityCheckOut => "activity_check_out",
            Self::ActivityCreated => "activity_created",
            Self::ActivityEdited => "activity_edited",
            Self::ActivityRemoved => "activity_removed",
            Self::SpeakerCreated => "speaker_created",
            Self::SpeakerEdited => "speaker_edited",
            Self::SpeakerRemoved => "speaker_removed",
            Self::EndOfEvent => "end_of_event",
        }
    }

    /// The trigger that has this `type` under these settings.
    pub(super) fn named(literal: &str, name: impl Fn(Self) -> String) -> Option<Self> {
        Self::ALL.into_iter().find(|trigger| name(*trigger) == literal)
    }

    pub(in crate::inevent) fn has_person(self) -> bool {
        !matches!(self, Self::EventCreated | Self::EventEdited | Self::EndOfEvent) && !self.is_of_activity_only()
    }

    pub(in crate::inevent) fn has_activity(self) -> bool {
        self.is_of_activity_only()
            || matches!(
                self,
                Self::ActivityEnrollment | Self::ActivityDismissal | Self::ActivityCheckIn | Self::ActivityCheckOut
            )
    }

    fn is_of_activity_only(self) -> bool {
        matches!(self, Self::ActivityCreated | Self::ActivityEdited | Self::ActivityRemoved)
    }
}
