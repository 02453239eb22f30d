//! The sessions of the event: their tracks, and who is on their lists.

use std::collections::{BTreeMap, HashSet};

use super::{Broken, Going, optional, told};
use crate::{
    inevent::{activities::Activity, translate},
    reconcile::difference::{Missing, missing},
    settings::document::Level,
};

impl Going<'_> {
    /// The tracks of the sessions: a call for each, so once a day.
    pub(super) async fn tracks(&mut self, sessions: &mut BTreeMap<String, Activity>) -> Result<(), Broken> {
        let whole = self.pass.look.since.is_none();
        for (id, activity) in &mut *sessions {
            activity.tracks = match whole {
                true => self.pass.inevent.tracks(id).await?,
                false => self.pass.cursor.tracks.get(id).cloned().unwrap_or_default(),
            };
        }
        let known = sessions.values().filter(|activity| !activity.tracks.is_empty());
        let known = known.map(|activity| (activity.id.clone(), activity.tracks.clone()));
        self.passed.tracks = whole.then(|| known.collect());
        Ok(())
    }

    /// Who is on the lists of the sessions, and who no longer is.
    pub(super) async fn enrolments(
        &mut self,
        sessions: &BTreeMap<String, Activity>,
        whole: bool,
    ) -> Result<(), Broken> {
        if self.pass.settings.level != Level::Sessions {
            return Ok(());
        }
        for activity in sessions.values() {
            let Some(list) = optional(self.pass.inevent.activity_people(&activity.id).await)? else { continue };
            let (session, time) = (translate::activity_occasion(activity), list.date.unwrap_or(self.begun));
            let on_it: HashSet<String> = list.items.iter().map(|person| person.id.clone()).collect();
            for person in &list.items {
                self.profiles.entry(person.id.clone()).or_insert_with(|| translate::participant(person));
                if let Some(participant) = self.participant(&person.id) {
                    self.put(self.speaker.enrolled(&session, participant, time)).await?;
                }
            }
            let known = self.pass.known.listed(Some(&activity.id));
            match missing(&known, &on_it, list.complete, self.pass.trusted) {
                Missing::These(ids) => {
                    for id in ids {
                        let found = self.is_there(self.pass.inevent.activity_person(&activity.id, id).await).await?;
                        if let (false, Some(participant)) = (found, self.participant(id)) {
                            self.put(self.speaker.left(&session, participant, self.begun)).await?;
                        }
                    }
                }
                Missing::Unknown => {}
                implausible @ Missing::Implausible { .. } => self.alarm(told(&implausible, "a session's list")),
            }
        }
        let known = self.pass.known;
        for id in known.sessions().into_iter().filter(|id| whole && !sessions.contains_key(*id)) {
            if self.is_there(self.pass.inevent.activity(id).await).await? {
                continue;
            }
            let session = translate::occasion(id, None, None, None);
            for person in known.listed(Some(id)) {
                if let Some(participant) = self.participant(person) {
                    self.put(self.speaker.left(&session, participant, self.begun)).await?;
                }
            }
        }
        Ok(())
    }
}
