//! The rules of identity, one statement after the other: what each does to a CRM of which nothing else is kept than who is there, what
//! was said of them, and whom rows regard. What is first-come depends on the order in which this is told.

mod about;
mod befallen;
mod beside;
mod compare;
mod duplicates;
mod filled;
mod rows;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use inevent_d365::{
    dataverse::Columns,
    model::{ParticipantEvent, ids},
};
use uuid::Uuid;

use super::{
    keys::folded,
    people::{People, Person, is_guest, is_open, stands_for, text},
    related::attendance,
    settings::{Settings, Unmatched, WithoutKey},
    statements::{self, heard, second},
    words,
};
use crate::Table;
use about::About;
use beside::Beside;
pub use duplicates::Parked;
use duplicates::Verdict;
use filled::Cells;

/// The participant of an event.
type Participant = (String, String);

/// A CRM by what the rules ask of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// Those who were made, and those of whom something was said.
    people: BTreeMap<Person, Someone>,
    participants: BTreeMap<Participant, Told>,
    /// Rows beside these of which something was said.
    beside: BTreeMap<(&'static str, Uuid), Beside>,
    /// What would be known of participants if the batch that is told in parts had come to its end.
    in_parts: BTreeMap<Participant, Told>,
    /// The statements that a duplicate rule parked, and whom it named each time.
    parked: BTreeMap<usize, BTreeSet<BTreeSet<Person>>>,
}

impl State {
    /// The same for the next look.
    pub fn written(mut self) -> Self {
        let of_people = self.people.values_mut().map(|someone| &mut someone.cells);
        let of_rows = self.participants.values_mut().flat_map(|told| told.rows.values_mut()).map(|row| &mut row.cells);
        of_people.chain(of_rows).for_each(|cells| cells.together = None);
        self.beside.values_mut().for_each(Beside::written);
        self
    }

    fn participant(&self, of: &Participant, part: Part) -> Option<&Told> {
        let in_parts = self.in_parts.get(of).filter(|_| part != Part::Whole);
        in_parts.or_else(|| self.participants.get(of))
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Someone {
    address: Option<String>,
    /// When the participant had it to whom it was corrected.
    since: Option<i64>,
    /// The addresses that it was corrected from.
    left: BTreeSet<String>,
    cells: Cells,
    /// By the connector.
    made: bool,
}

/// What is known of a participant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Told {
    /// What counts for the rows.
    said: BTreeSet<usize>,
    /// By session; the event's own row has none.
    rows: BTreeMap<Option<String>, Row>,
}

/// An attendance row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Row {
    /// Whom it regards, and for which key.
    regards: Option<(Person, String)>,
    cells: Cells,
}

/// What of a statement takes effect: a process may die, or a call fail, between the person and the rows. Who is made, or gets an address,
/// comes before the rows, other columns after them. What a batch says in parts is decided together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Whole,
    People,
    Rows,
    /// Rows beside these.
    Beside,
}

/// A statement that counts.
struct Statement<'a> {
    event: &'a ParticipantEvent,
    of: Participant,
    session: Option<String>,
    /// The attendance row that it is about.
    row: (&'static str, Uuid),
    /// The strongest first.
    keys: Vec<String>,
}

pub struct Serial<'a> {
    before: &'a Table,
    settings: &'a Settings,
    people: &'a People<'a>,
    /// By the place in the history.
    statements: BTreeMap<usize, Statement<'a>>,
    /// What those who were there are found by, as long as nothing is said of them.
    known: BTreeMap<Person, Vec<String>>,
    /// Which of the rows beside people and their attendance are held, too, by the names of the settings.
    beside: BTreeSet<&'static str>,
    /// What is said to be over.
    closings: &'a [ParticipantEvent],
}

impl<'a> Serial<'a> {
    pub fn new(
        before: &'a Table,
        settings: &'a Settings,
        events: &'a [ParticipantEvent],
        people: &'a People<'a>,
    ) -> Self {
        let counts: BTreeSet<&str> = heard(events, settings).into_iter().map(|event| event.id.as_str()).collect();
        let counted = events.iter().enumerate().filter(|(_, event)| counts.contains(event.id.as_str()));
        let statement = |event| Statement {
            event,
            of: statements::of(event).unwrap(),
            session: event.session.as_ref().map(|session| session.id.clone()),
            row: attendance(event, settings),
            keys: people.keys_stated(event),
        };
        let statements = counted.map(|(at, event)| (at, statement(event))).collect();
        let mut serial = Self {
            before,
            settings,
            people,
            statements,
            known: BTreeMap::new(),
            beside: BTreeSet::new(),
            closings: &[],
        };
        let there = before.iter().filter(|((table, _), _)| matches!(*table, "contact" | "lead"));
        serial.known = there.map(|(person, row)| (*person, people.keys_of(person.0, row))).collect();
        serial
    }

    /// The same, holding these of the rows beside people and their attendance.
    pub fn with_rows_beside(self, beside: BTreeSet<&'static str>) -> Self {
        Self { beside, ..self }
    }

    /// The same where this was said to be over.
    pub fn with_closings(self, closings: &'a [ParticipantEvent]) -> Self {
        Self { closings, ..self }
    }

    /// Whether it knows of such a part.
    pub fn holds(&self, part: Part) -> bool {
        part != Part::Beside || !self.beside.is_empty()
    }

    /// The CRM after one more statement, or a part of it, or several of which a batch makes one person; and which of them were told.
    /// What it says may be written by itself, or together with what was told before.
    pub fn told(&self, state: &State, (at, along): (usize, &[usize]), part: Part) -> Vec<(State, BTreeSet<usize>)> {
        let Some(statement) = self.statements.get(&at) else {
            return vec![(state.clone(), BTreeSet::from([at]))];
        };
        let mut starts = vec![state.clone().written()];
        starts.extend((starts[0] != *state).then(|| state.clone()));
        let told = |mut after: State| {
            let told = self.tell(&mut after, statement, (at, along), part);
            (after, told.into_iter().chain([at]).collect())
        };
        starts.into_iter().map(told).collect()
    }

    /// Returns which of the others were told, too.
    fn tell(
        &self,
        state: &mut State,
        statement: &Statement<'_>,
        (at, along): (usize, &[usize]),
        part: Part,
    ) -> Vec<usize> {
        let creates = self.settings.of(&statement.of.0).creates();
        let lacks = |at: &usize| self.settings.refuses(self.statements[at].event);
        let said: Vec<usize> = [at].iter().chain(along.iter().filter(|at| !lacks(at))).copied().collect();
        let about = self.about(state, statement, &said, part);
        let asks = match about {
            About::NobodyYet => creates.map(|table| (table, None)),
            About::Corrected(lead) => creates.and(Some(("lead", Some(lead)))),
            _ => None,
        };
        let asks = asks.filter(|_| !self.settings.refuses(statement.event));
        let mut told = said.clone();
        let about = match asks.map(|asks| self.verdict(state, asks, statement, &said)) {
            None | Some(Verdict::Free) => about,
            // What lacks a value of the person is about them, too, and is parked.
            Some(Verdict::Taken(person)) => {
                told.extend(along.iter().filter(|at| lacks(at)));
                About::Known(person)
            }
            Some(Verdict::Parked(_)) if part != Part::Whole => return Vec::new(),
            Some(Verdict::Parked(named)) => {
                let parked = self.asking(&said, &statement.keys[0]);
                for at in &parked {
                    state.parked.entry(*at).or_default().insert(named.clone());
                }
                return parked;
            }
        };
        let person = match about {
            About::Known(person) | About::Corrected(person) | About::LookedBack(person) => Some(person),
            About::NobodyYet => creates.map(|table| self.free(state, table, &statement.keys[0])),
            About::Nobody => None,
        };
        let rules = self.settings.of(&statement.of.0);
        match person {
            Some(_) if self.settings.refuses(statement.event) => return Vec::new(),
            // Rows wait for who is made, or gets an address.
            Some(_) if matches!(part, Part::Rows | Part::Beside) => match about {
                About::Known(_) => {}
                _ => return Vec::new(),
            },
            Some(person) => {
                let made = !self.exists(state, person);
                let (address, columns) = match self.before.get(&person) {
                    Some(row) => (text(row, "emailaddress1").map(folded), self.before(person.0, row)),
                    None => (self.address(statement), self.at_first(person.0, statement, &said)),
                };
                let key = statement.keys.first();
                let cells = Cells { columns: columns.into(), together: None };
                let blank = || Someone { address, cells, made, ..Someone::default() };
                state.people.entry(person).or_insert_with(blank);
                if !made {
                    self.write(state, person, &said);
                }
                let someone = state.people.get_mut(&person).unwrap();
                match about {
                    About::Corrected(_) => {
                        someone.left.extend(someone.address.take());
                        (someone.address, someone.since) = (key.cloned(), Some(second(statement.event)));
                    }
                    About::LookedBack(_) => someone.left.extend(key.cloned()),
                    _ => {}
                }
            }
            None if statement.keys.is_empty() || is_guest(&statement.keys[0]) => {
                match self.settings.matching.without_key {
                    WithoutKey::Ignore => return Vec::new(),
                    WithoutKey::Create if rules.unmatched == Unmatched::Ignore => return Vec::new(),
                    _ => {}
                }
            }
            None if rules.unmatched == Unmatched::Ignore => return Vec::new(),
            None => {}
        }
        for at in &said {
            self.tell_rows(state, *at, person, part);
            if matches!(part, Part::Whole | Part::Beside) {
                self.tell_beside(state, *at, person);
            }
        }
        told
    }

    fn exists(&self, state: &State, person: Person) -> bool {
        state.people.contains_key(&person) || self.before.contains_key(&person)
    }

    fn free(&self, state: &State, table: &'static str, key: &str) -> Person {
        (0..).map(|generation| id(table, key, generation)).find(|person| !self.exists(state, *person)).unwrap()
    }

    fn address(&self, statement: &Statement<'_>) -> Option<String> {
        words(statement.event.participant.as_ref()?.email.as_deref()).map(|address| folded(&address))
    }

    fn stands_for(&self, state: &State, person: Person) -> Option<Person> {
        if self.before.contains_key(&person) { stands_for(self.before, person) } else { Some(person) }
            .filter(|person| self.exists(state, *person))
    }

    /// Those whom the connector made are open.
    fn open(&self, person: Person) -> bool {
        self.before.get(&person).is_none_or(is_open)
    }

    fn is_taken(&self, person: Person) -> bool {
        let inactive = |row: &Columns| {
            self.settings.matching.inactive_contacts && person.0 == "contact" && !row.contains_key("merged")
        };
        self.open(person) || self.before.get(&person).is_some_and(inactive)
    }

    fn precedence(&self, person: Person) -> impl Ord + use<> {
        (Reverse(self.before.get(&person).and_then(|row| text(row, "modifiedon")).map(str::to_owned)), person.1)
    }

    /// A person's row, as far as keys need it.
    fn row(&self, person: Person, someone: &Someone) -> Columns {
        let mut row = self.before.get(&person).cloned().unwrap_or_default();
        row.entry("statecode").or_insert_with(|| 0.into());
        if let Some(address) = &someone.address {
            row.insert("emailaddress1".into(), address.clone().into());
        }
        for (name, column) in &*someone.cells.columns {
            row.insert((*name).to_owned(), column.value.0.clone());
        }
        row.retain(|_, value| !value.is_null());
        row
    }

    fn keys_of(&self, state: &State, person: Person) -> Vec<String> {
        match state.people.get(&person) {
            Some(someone) => self.people.keys_of(person.0, &self.row(person, someone)),
            None => self.known[&person].clone(),
        }
    }
}

fn id(table: &'static str, key: &str, generation: u32) -> Person {
    match table {
        "lead" => (table, ids::lead("t", key, generation)),
        _ => (table, ids::contact("t", key, generation)),
    }
}
