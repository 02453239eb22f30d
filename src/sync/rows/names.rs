//! The names of the connector's own table and columns in an environment.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::interned;
use crate::settings::Prefix;

/// Logical names, all of them under one prefix. `setup/definition.rs` says what the columns hold.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Names {
    pub prefix: Prefix,
    /// The activity table.
    pub table: &'static str,
    pub event_id: &'static str,
    pub event_name: &'static str,
    pub session_id: &'static str,
    pub session_name: &'static str,
    pub session_tracks: &'static str,
    pub participant_id: &'static str,
    pub registration_status: &'static str,
    pub attendance_status: &'static str,
    pub check_in_time: &'static str,
    pub check_out_time: &'static str,
    pub engagement_score: &'static str,
    pub registration_stamp: &'static str,
    pub attendance_stamp: &'static str,
    pub score_stamp: &'static str,
    pub details_stamp: &'static str,
    /// Of contact and lead.
    pub external_id: &'static str,
    pub profile_stamp: &'static str,
    pub budget: &'static str,
}

impl Names {
    /// Those under a prefix, made once for as long as the process lives.
    pub fn of(prefix: &Prefix) -> &'static Self {
        static KNOWN: Mutex<BTreeMap<Prefix, &Names>> = Mutex::new(BTreeMap::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(prefix.clone()).or_insert_with(|| Box::leak(Box::new(Self::new(prefix))))
    }

    fn new(prefix: &Prefix) -> Self {
        let name = |stem| interned(&prefix.name(stem));
        Self {
            prefix: prefix.clone(),
            table: interned(&prefix.activity_table()),
            event_id: name("eventid"),
            event_name: name("eventname"),
            session_id: name("sessionid"),
            session_name: name("sessionname"),
            session_tracks: name("sessiontracks"),
            participant_id: name("participantid"),
            registration_status: name("registrationstatus"),
            attendance_status: name("attendancestatus"),
            check_in_time: name("checkintime"),
            check_out_time: name("checkouttime"),
            engagement_score: name("engagementscore"),
            registration_stamp: name("registrationstamp"),
            attendance_stamp: name("attendancestamp"),
            score_stamp: name("scorestamp"),
            details_stamp: name("detailsstamp"),
            external_id: interned(&prefix.external_id()),
            profile_stamp: interned(&prefix.profile_stamp()),
            budget: interned(&prefix.budget()),
        }
    }

    /// The columns of an attendance row.
    pub fn of_rows(&self) -> [&'static str; 15] {
        [
            self.event_id,
            self.event_name,
            self.session_id,
            self.session_name,
            self.session_tracks,
            self.participant_id,
            self.registration_status,
            self.attendance_status,
            self.check_in_time,
            self.check_out_time,
            self.engagement_score,
            self.registration_stamp,
            self.attendance_stamp,
            self.score_stamp,
            self.details_stamp,
        ]
    }
}

/// Those under `new`.
impl Default for &'static Names {
    fn default() -> Self {
        Names::of(&Prefix::default())
    }
}
