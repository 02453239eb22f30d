//! The attendance rows of a participant: which there are, whom they regard, and their own columns.

use std::cmp::Reverse;

use inevent_d365::model::ParticipantEvent;

use super::{Part, Person, Serial, State, Statement, Told, second};

impl Serial<'_> {
    /// Writes what a statement says of them; `person`: whom it is about.
    pub(super) fn tell_rows(&self, state: &mut State, at: usize, person: Option<Person>, part: Part) {
        let statement = &self.statements[&at];
        let mut told = self.rows_told(state, at, statement, (person, part));
        let of = statement.of.clone();
        let there = state.participants.get(&of).and_then(|told| told.rows.get(&statement.session));
        let cells = self.of_row("activity", there.map(|row| &row.cells), at);
        told.rows.get_mut(&statement.session).unwrap().cells = cells;
        match part {
            Part::Whole => {
                state.in_parts.clear();
                state.participants.insert(of, told);
            }
            Part::People => _ = state.in_parts.insert(of, told),
            Part::Beside => {}
            Part::Rows => {
                let known = state.participants.entry(of.clone()).or_default();
                known.said.insert(at);
                known.rows.insert(statement.session.clone(), told.rows[&statement.session].clone());
                state.in_parts.insert(of, told);
            }
        }
    }

    /// What is known of the participant afterwards.
    fn rows_told(
        &self,
        state: &State,
        at: usize,
        statement: &Statement<'_>,
        (person, part): (Option<Person>, Part),
    ) -> Told {
        let latest = self.latest(state, statement, &[at], part);
        let mut told = state.participant(&statement.of, part).cloned().unwrap_or_default();
        let own = statement.keys.first().filter(|key| Some(*key) == latest.as_ref()).and(person);
        let new = (!told.rows.contains_key(&statement.session)).then_some(&statement.session);
        told.rows.entry(statement.session.clone()).or_default();
        self.move_rows(state, &mut told, latest.as_ref(), (own, new, true));
        told.said.insert(at);
        told
    }

    /// Has the rows of a participant go to whom their key means. `own`: whom what is told means by it; `new`: a row that it makes;
    /// `looks`: whether it is asked who stands for somebody now.
    fn move_rows(
        &self,
        state: &State,
        told: &mut Told,
        latest: Option<&String>,
        (own, new, looks): (Option<Person>, Option<&Option<String>>, bool),
    ) {
        let Told { said, rows } = told;
        // Of several the one where it was stated last.
        let stated = |session: &Option<String>| {
            let of_row = said.iter().map(|at| &self.statements[at]).filter(|one| one.session == *session);
            of_row.filter(|one| one.keys.first() == latest).map(|one| second(one.event)).max()
        };
        let known = || {
            let of_key =
                rows.iter().filter_map(|(session, row)| Some((stated(session), session, row.regards.as_ref()?)));
            let of_key = of_key.filter(|(_, _, (_, key))| Some(key) == latest);
            of_key.max_by_key(|(time, session, _)| (*time, Reverse(*session))).map(|(_, _, (one, _))| *one)
        };
        let is_merged = |person: &Person| self.before.get(person).is_some_and(|row| row.contains_key("merged"));
        let successor = |person: Person| match looks && (self.settings.matching.follows || is_merged(&person)) {
            true => self.stands_for(state, person).unwrap_or(person),
            false => person,
        };
        let held = known().map(successor);
        for (session, row) in rows {
            let kept = || Some(successor(row.regards.as_ref().filter(|(_, of)| Some(of) == latest)?.0));
            let taken = if new == Some(session) { own.or(held) } else { held.or(own) };
            if let Some((person, key)) = kept().or(taken).zip(latest) {
                row.regards = Some((person, key.clone()));
            }
        }
    }

    /// The CRM after the rows of an event, or of a session of it, were looked at because it is over. Nobody looks at people then.
    pub fn swept(&self, state: &State, closing: &ParticipantEvent) -> State {
        let (event, session) = (&closing.event.id, closing.session.as_ref().map(|session| session.id.clone()));
        let mut after = state.clone();
        let of_event = after.participants.iter_mut().filter(|((of, _), _)| of == event);
        for (_, told) in of_event.filter(|(_, told)| session.is_none() || told.rows.contains_key(&session)) {
            let latest = told.said.first().and_then(|at| self.latest(state, &self.statements[at], &[], Part::Whole));
            self.move_rows(state, told, latest.as_ref(), (None, None, false));
        }
        after
    }
}
