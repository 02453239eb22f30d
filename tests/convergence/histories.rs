//! Generated histories of an event, and generated ways of delivering them.

use inevent_d365::{
    model::{
        Kind, Occasion, Participant, ParticipantEvent, SourceTime,
        event::{Attendance, Registration, StatedStatus},
    },
    sync::closings::Conclusion,
};
use proptest::{collection::vec, prelude::*};

use crate::{processes::Chance, settings::DOCUMENTS};

/// How a history is delivered.
#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    pub seed: u64,
    /// Handler processes at work at the same time.
    pub processes: usize,
    /// The most events that one of them takes at once.
    pub batch: usize,
    /// The most batches that one of them has under way.
    pub lanes: usize,
    /// Calls fail, some after they took effect.
    pub faults: bool,
    /// Processes die at any point, and calls that they began take effect later or never.
    pub deaths: bool,
    pub shuffled: bool,
    /// The settings document.
    pub settings: &'static str,
    pub conclusion: Conclusion,
}

impl Arbitrary for Delivery {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let settings = prop::sample::select(DOCUMENTS.to_vec());
        let conclusion = prop::sample::select(vec![Conclusion::AtOnce, Conclusion::WhenTold]);
        (any::<u64>(), (1..=3_usize, 1..=6_usize, 1..=3_usize), any::<(bool, bool)>(), settings, conclusion)
            .prop_map(|(seed, (processes, batch, lanes), (faults, deaths), settings, conclusion)| Self {
                seed,
                processes,
                batch,
                lanes,
                faults,
                deaths,
                shuffled: true,
                settings,
                conclusion,
            })
            .boxed()
    }
}

impl Delivery {
    pub fn one_by_one(settings: &'static str) -> Self {
        let conclusion = Conclusion::AtOnce;
        Self {
            seed: 1,
            processes: 1,
            batch: 1,
            lanes: 1,
            faults: false,
            deaths: false,
            shuffled: false,
            settings,
            conclusion,
        }
    }

    /// The same order, without faults.
    pub fn calm(self) -> Self {
        Self { faults: false, deaths: false, ..self }
    }

    /// Whether the settings have mappings of their own, which may refuse something and need not be `overwrite`.
    pub fn modes(self) -> bool {
        self.settings.contains("mappings")
    }

    /// Every event, some of them twice, shuffled.
    pub fn deliveries(self, events: &[ParticipantEvent]) -> Vec<ParticipantEvent> {
        let mut chance = Chance::new(self.seed.rotate_left(17));
        let mut deliveries = events.to_vec();
        if !self.shuffled {
            return deliveries;
        }
        deliveries.extend(events.iter().filter(|_| chance.one_in(2)).cloned());
        for last in (1..deliveries.len()).rev() {
            deliveries.swap(last, chance.below(last + 1));
        }
        deliveries
    }
}

const ADDRESSES: [&str; 7] = [
    "contact@x.example",
    "Lead@x.example",
    "stranger@x.example",
    " STRANGER@x.example ",
    "other+tag@x.example",
    "closed@x.example",
    "inactive@x.example",
];

/// A history always holds what goes wrong most easily; around it anything may happen.
pub fn history() -> impl Strategy<Value = Vec<ParticipantEvent>> {
    (vec(event(), 0..14), 0..ADDRESSES.len(), 0..ADDRESSES.len()).prop_map(|(mut events, one, other)| {
        events.extend(fixed(one, other));
        for (index, event) in events.iter_mut().enumerate() {
            event.id = index.to_string();
        }
        events
    })
}

/// A cancelled registration, and then two statements that two processes settle at the same time.
pub fn registered_again_while_the_event_ends() -> (Vec<ParticipantEvent>, Vec<ParticipantEvent>) {
    let at = |kind, time| statement(kind, time, 0, 0, 0, None);
    (vec![at(Kind::Registered, 1), at(Kind::Cancelled, 2)], vec![at(Kind::Registered, 3), at(Kind::EventClosed, 4)])
}

/// A→B→A, equal times, cancelled and registered again, a check-in taken back, a changed address, two sessions of one person.
fn fixed(one: usize, other: usize) -> Vec<ParticipantEvent> {
    let at = |kind, time, address: usize, session: Option<usize>, title: &str| {
        let mut event = statement(kind, time, 0, 0, address, session);
        event.participant.as_mut().unwrap().job_title = Some(title.to_owned());
        event
    };
    vec![
        at(Kind::Registered, 10, one, None, "A"),
        at(Kind::Cancelled, 11, one, None, "B"),
        at(Kind::Registered, 12, one, None, "A"),
        at(Kind::Updated, 12, one, None, "C"),
        at(Kind::CheckedIn, 13, one, None, "A"),
        at(Kind::CheckInTakenBack, 14, one, None, "A"),
        at(Kind::CheckedIn, 15, one, None, "A"),
        at(Kind::SessionEnrolled, 13, one, Some(0), "A"),
        at(Kind::SessionEnrolled, 16, other, Some(1), "A"),
    ]
}

fn event() -> impl Strategy<Value = ParticipantEvent> {
    let kind = prop::sample::select(vec![
        Kind::Registered,
        Kind::Updated,
        Kind::Cancelled,
        Kind::CheckedIn,
        Kind::CheckedOut,
        Kind::CheckInTakenBack,
        Kind::Scored,
        Kind::SessionEnrolled,
        Kind::SessionLeft,
        Kind::EventClosed,
        Kind::SessionClosed,
    ]);
    let texts = prop::sample::select(vec![None, Some(""), Some("A"), Some("B")]);
    let stated = prop::sample::select(vec![
        None,
        Some(Attendance::Attended),
        Some(Attendance::Partial),
        Some(Attendance::NoShow),
    ]);
    let who = (0..2_usize, 0..2_usize, 0..ADDRESSES.len(), prop::option::of(0..2_usize));
    (kind, 8..18_i64, who, (texts.clone(), texts.clone(), texts), (stated, -1..3_i8)).prop_map(
        |(kind, time, (event, participant, address, session), (name, first, last), (stated, score))| {
            let session = match kind {
                Kind::Registered | Kind::Cancelled | Kind::EventClosed => None,
                Kind::SessionEnrolled | Kind::SessionLeft | Kind::SessionClosed => Some(session.unwrap_or_default()),
                _ => session,
            };
            let mut statement = statement(kind, time, event, participant, address, session);
            statement.event.name = name.map(str::to_owned);
            if let Some(person) = &mut statement.participant {
                person.first_name = first.map(str::to_owned);
                person.last_name = last.map(str::to_owned);
            }
            statement.score = (kind == Kind::Scored).then_some(f64::from(score) * 1.5);
            if kind == Kind::Updated {
                let registration = if score > 0 { Some(Registration::Cancelled) } else { None };
                statement.status = Some(StatedStatus { registration, attendance: stated });
            }
            statement
        },
    )
}

pub fn statement(
    kind: Kind,
    time: i64,
    event: usize,
    participant: usize,
    address: usize,
    session: Option<usize>,
) -> ParticipantEvent {
    // Some ends lie before later statements.
    let end = (time % 3 == 0).then(|| jiff::Timestamp::from_second(12 + time % 4).unwrap());
    let occasion = |id: String| Occasion { id, name: Some("N".into()), begin: None, end, tracks: Default::default() };
    let closing = matches!(kind, Kind::EventClosed | Kind::SessionClosed);
    ParticipantEvent {
        id: String::new(),
        time: SourceTime::new(jiff::Timestamp::from_second(time).unwrap()).unwrap(),
        kind,
        read: false,
        event: occasion(format!("e{event}")),
        session: session.map(|session| occasion(format!("s{session}"))),
        participant: (!closing).then(|| Participant {
            id: format!("p{participant}"),
            email: Some(ADDRESSES[address].into()),
            ..Participant::default()
        }),
        answers: Default::default(),
        status: None,
        score: None,
    }
}
