//! The part of a run that looks at members, page by page.

use std::{
    collections::HashSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Counts, Decision, Eligible, How, Invitation, InviteError, Inviter, Link, List, ListTrouble, Member, Pass, Run,
    Skip, Standing, State,
    asked::Asked,
    decide,
    inviter::Due,
    lists::{MemberPage, ReadError},
    people::{self, Written},
    record::{self, Kept, Remembered},
    send::{Candidate, Sent},
};
use crate::{
    dataverse::Failure,
    forget::{self, Forgotten, HashKey},
    inevent::people::Found,
    model::{Address, SourceTime},
    settings::document::{EventSettings, Target},
};

/// Invitations of which nobody knows what came of them, after which a run ends: something is wrong.
const UNSURE: u64 = 5;

/// One run over the lists of one event, and what it learnt.
pub(super) struct Slice<'a> {
    pub inviter: &'a Inviter,
    pub event: &'a str,
    pub settings: &'a EventSettings,
    pub remembered: Remembered,
    pub key: HashKey,
    version: String,
    run: Run,
    forgotten: Forgotten,
    eligible: Eligible,
    asked: Option<Asked>,
    /// Whether InEvent has the event and it is still to come, once that was asked.
    closed: Option<Option<Closed>>,
    /// How many may still be invited.
    room: AtomicU32,
    sent: AtomicU64,
    unsure: AtomicU64,
    pub(super) undecided: u64,
    stopped: Mutex<Option<String>>,
}

/// Why an event takes nobody, and what to do about it.
type Closed = (&'static str, &'static str);

const NO_EVENT: Closed = (
    "InEvent has no such event",
    "Correct the event's id in the settings, or give the token of InEvent access to the event.",
);
const OVER: Closed = ("the event is over", "Take its lists out of the settings.");

/// What a page of members came to.
struct Looked {
    counts: Counts,
    /// Why the event takes nobody.
    closed: Option<Closed>,
}

impl<'a> Slice<'a> {
    pub async fn new(
        inviter: &'a Inviter,
        event: &'a str,
        settings: &'a EventSettings,
        version: String,
        run: Run,
    ) -> Result<Self, InviteError> {
        let store = &*inviter.store;
        let (key, (forgotten, _)) = (HashKey::of(store).await?, forget::load(store).await?);
        let remembered = Remembered::of(store, event).await?;
        Ok(Self {
            inviter,
            event,
            settings,
            remembered,
            key,
            version,
            run,
            forgotten,
            eligible: Eligible::new(settings),
            asked: None,
            closed: None,
            room: AtomicU32::new(settings.invitations.max_per_run),
            sent: AtomicU64::new(0),
            unsure: AtomicU64::new(0),
            undecided: 0,
            stopped: Mutex::default(),
        })
    }

    pub fn is_dry(&self) -> bool {
        self.run.dry
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Why nothing more is begun.
    pub fn stopped(&self) -> Option<String> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins nothing more, for the first reason that was given.
    pub fn stop(&self, why: impl Into<String>) {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why.into());
    }

    /// Whether the time is over. Nothing more is begun then.
    fn is_over(&self) -> bool {
        let over = Instant::now() >= self.run.ends;
        if over {
            let left = if self.is_dry() { "the rest was not looked at" } else { "the next run goes on" };
            self.stop(format!("the time is over; {left}"));
        }
        over
    }

    /// Whether one more invitation may be begun; it is then counted.
    pub fn may_begin(&self) -> bool {
        if self.is_over() || self.stopped().is_some() {
            return false;
        }
        let room = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(1));
        if room.is_err() {
            self.stop("max_per_run are invited; the next run goes on");
        }
        room.is_ok()
    }

    /// Notes that nobody knows what came of an invitation.
    pub fn is_unsure(&self) {
        if self.unsure.fetch_add(1, Ordering::Relaxed) + 1 >= UNSURE {
            self.stop("InEvent does not say what became of invitations; the next run asks");
        }
    }

    /// The column in which the CRM keeps links of this kind of person.
    pub fn link_column(&self, table: Target) -> Option<&str> {
        let columns = self.settings.invitations.link.as_ref()?;
        match table {
            Target::Contact => columns.contact.as_deref(),
            Target::Lead => columns.lead.as_deref(),
        }
    }

    pub fn how(&self) -> How {
        if self.settings.invitations.register { How::Register } else { How::Invite }
    }

    /// What InEvent says of the event, asked once a run.
    pub async fn asked(&mut self) -> Result<&Asked, InviteError> {
        let asked = match self.asked.take() {
            Some(asked) => asked,
            None => Asked::of(&self.inviter.inevent, self.event, &self.key).await?,
        };
        Ok(self.asked.insert(asked))
    }

    async fn closed(&mut self) -> Result<Option<Closed>, InviteError> {
        if let Some(closed) = self.closed {
            return Ok(closed);
        }
        let Found { item, date } = self.inviter.inevent.event_now(self.event).await?;
        // By InEvent's clock, as far as it tells.
        let now = date.map_or_else(Timestamp::now, SourceTime::timestamp);
        let closed = match item {
            None => Some(NO_EVENT),
            Some(event) => event.end.filter(|end| end.timestamp() < now).map(|_| OVER),
        };
        self.closed = Some(closed);
        Ok(closed)
    }

    /// Looks at the members of a list, from where somebody stopped, as far as the time goes.
    pub async fn list(&mut self, due: Due) -> Result<Pass, InviteError> {
        let Due { list, mut pass, mut under_way } = due;
        let (inviter, began) = (self.inviter, Instant::now());
        let mut closed = None;
        loop {
            let page = match self.page(&list, &mut under_way.next).await {
                Ok(page) => page,
                Err(ReadError::List(trouble)) => {
                    let (problem, remedy) = trouble.told();
                    pass.note(problem, remedy, Timestamp::now());
                    break;
                }
                Err(ReadError::Dataverse(error)) => return Err(error.into()),
            };
            let looked = self.members(&list, &page.ids, under_way.began).await?;
            closed = closed.or(looked.closed);
            if self.stopped().is_some() {
                // The page is looked at again; what was invited of it is then known.
                let mut so_far = under_way.clone();
                so_far.counts.merge(&looked.counts);
                self.tell(&list, &so_far.counts, began);
                pass.stopped(under_way, &self.version);
                if !self.is_dry() {
                    pass.keep(&*inviter.store).await?;
                }
                return Ok(pass);
            }
            under_way.counts.merge(&looked.counts);
            under_way.next = page.next;
            let more = under_way.next.is_some() && closed.is_none();
            match more {
                true => pass.stopped(under_way.clone(), &self.version),
                false => {
                    self.tell(&list, &under_way.counts, began);
                    pass.ended(under_way.clone(), &self.version, Timestamp::now());
                    match closed {
                        Some((problem, remedy)) => pass.note(problem.to_owned(), remedy, Timestamp::now()),
                        None => pass.trouble = None,
                    }
                }
            }
            if !self.is_dry() {
                pass.keep(&*inviter.store).await?;
            }
            if !more || self.is_over() {
                return Ok(pass);
            }
        }
        if !self.is_dry() {
            pass.keep(&*inviter.store).await?;
        }
        Ok(pass)
    }

    fn tell(&self, list: &List, counts: &Counts, began: Instant) {
        tracing::info!(
            target: "outcome",
            event = self.event,
            list = %list.id,
            members = counts.members,
            invited = counts.invited,
            skipped = %counts,
            left = counts.left,
            dry = self.is_dry(),
            duration_ms = began.elapsed().as_millis() as u64,
            "members of a marketing list looked at"
        );
    }

    /// A page; from the beginning where the place is not known any more.
    async fn page(&self, list: &List, at: &mut Option<String>) -> Result<MemberPage, ReadError> {
        let client = &self.inviter.dataverse;
        match list.page(client, at.as_deref()).await {
            Err(ReadError::Dataverse(error)) if at.is_some() && matches!(error.failure(), Failure::Refused { .. }) => {
                *at = None;
                list.page(client, None).await
            }
            Err(ReadError::List(ListTrouble::Query(_))) if at.is_some() => {
                *at = None;
                list.page(client, None).await
            }
            page => page,
        }
    }

    /// Looks at some members of a list.
    async fn members(&mut self, list: &List, ids: &[Uuid], pass_began: Timestamp) -> Result<Looked, InviteError> {
        let column = self.link_column(list.table).map(str::to_owned);
        let mut distinct = HashSet::new();
        let ids: Vec<Uuid> = ids.iter().copied().filter(|id| distinct.insert(*id)).collect();
        let members = people::read(&self.inviter.dataverse, list.table, &ids, column.as_deref()).await?;
        let mut counts = Counts { members: ids.len() as u64, ..Counts::default() };
        counts.add(Skip::Gone, (ids.len() - members.len()) as u64);
        // Those whom only InEvent can say something against, in the order of the list.
        let mut open = Vec::new();
        let mut links = Vec::new();
        let mut addresses = HashSet::new();
        for member in ids.iter().filter_map(|id| members.get(id)) {
            let (decision, hash) = self.decide(member, None)?;
            match decision {
                Decision::Invite(address) if addresses.insert(hash.clone()) => open.push((member, address, hash)),
                Decision::Invite(_) => counts.skip(Skip::AlreadyInvited),
                Decision::Skip(why) => {
                    let kept = self.remembered.get(&hash).filter(|_| why == Skip::AlreadyInvited);
                    let wanted = kept.filter(|kept| kept.invitation.link == Link::Wanted);
                    links.extend(wanted.filter(|_| column.is_some()).map(|kept| (member, None, kept.clone())));
                    match kept.map(|kept| &kept.invitation) {
                        // Of this very pass: the page was begun before.
                        Some(Invitation { state: State::Invited, at, list: of, .. })
                            if *at >= pass_began && *of == list.id =>
                        {
                            counts.invited += 1;
                        }
                        _ => counts.skip(why),
                    }
                    counts.left += u64::from(why == Skip::UnderWay);
                }
            }
        }
        let mut closed = None;
        if !open.is_empty() {
            closed = self.closed().await?;
        }
        let mut candidates = Vec::new();
        if closed.is_none() && !open.is_empty() {
            self.asked().await?;
            for (member, address, hash) in open {
                match self.decide(member, self.asked.as_ref())?.0 {
                    Decision::Invite(_) => candidates.push(Candidate { member, address, hash, list: list.id }),
                    Decision::Skip(why) => {
                        counts.skip(why);
                        if why == Skip::AlreadyInvited {
                            self.found(list, member, &hash).await?;
                        }
                    }
                }
            }
        }
        if self.is_dry() {
            counts.invited += candidates.len() as u64;
            return Ok(Looked { counts, closed });
        }
        self.invite(candidates, &mut counts, &mut links).await?;
        if let Some(column) = &column {
            counts.left += self.keep_links(column, links).await?;
        }
        Ok(Looked { counts, closed })
    }

    /// What becomes of a member, and the hash of the address where there is one.
    fn decide(&self, member: &Member, asked: Option<&Asked>) -> Result<(Decision, String), InviteError> {
        let address = member.address.as_deref().and_then(|address| Address::parse(address).ok());
        let hash = address.map(|address| self.key.hash(&address)).transpose()?.unwrap_or_default();
        let decision = decide(member, &self.eligible, |_| Standing {
            forgotten: self.forgotten.contains_hash(&hash),
            state: self.remembered.get(&hash).map(|kept| kept.invitation.state),
            registered: asked.is_some_and(|asked| asked.is_registered(&hash)),
            invited: asked.is_some_and(|asked| asked.is_invited(&hash))
                || self.remembered.other_address(member.table, member.id, &hash),
        });
        Ok((decision, hash))
    }

    /// Remembers somebody whom InEvent had invited already, so that it is not asked again.
    async fn found(&mut self, list: &List, member: &Member, hash: &str) -> Result<(), InviteError> {
        let Some(asked) = self.asked.as_ref().filter(|asked| !self.run.dry && asked.is_invited(hash)) else {
            return Ok(());
        };
        let participant = asked.participant(hash);
        let invitation = Invitation { participant, ..self.intent(member, list.id, State::Found) };
        let kept = record::insert(&*self.inviter.store, hash, invitation).await?;
        kept.into_iter().for_each(|kept| self.remembered.put(kept));
        Ok(())
    }

    /// An invitation as it is first remembered.
    pub fn intent(&self, member: &Member, list: Uuid, state: State) -> Invitation {
        Invitation {
            event: self.event.to_owned(),
            list,
            table: member.table,
            person: member.id,
            how: self.how(),
            state,
            at: Timestamp::now(),
            participant: None,
            status: None,
            link: Link::None,
        }
    }

    async fn invite<'m>(
        &mut self,
        candidates: Vec<Candidate<'m>>,
        counts: &mut Counts,
        links: &mut Vec<(&'m Member, Option<String>, Kept)>,
    ) -> Result<(), InviteError> {
        let at_once = self.inviter.terms.at_once;
        let slice = &*self;
        let sending: Vec<_> = candidates.into_iter().map(|candidate| slice.send(candidate)).collect();
        let sent: Vec<_> = stream::iter(sending).buffer_unordered(at_once).collect().await;
        // Whatever failed, what others came to is remembered.
        let mut failed = None;
        for sent in sent {
            match sent {
                Ok((member, Sent::Invited(kept, link))) => {
                    self.sent.fetch_add(1, Ordering::Relaxed);
                    counts.invited += 1;
                    if kept.invitation.link == Link::Wanted {
                        links.push((member, link, kept.clone()));
                    }
                    self.remembered.put(kept);
                }
                Ok((_, Sent::Found(kept))) => {
                    counts.skip(Skip::AlreadyInvited);
                    self.remembered.put(kept);
                }
                Ok((_, Sent::Refused(kept))) => {
                    counts.skip(Skip::Refused);
                    self.remembered.put(kept);
                }
                Ok((_, Sent::Taken | Sent::Unsure)) => {
                    counts.skip(Skip::UnderWay);
                    counts.left += 1;
                }
                Ok((_, Sent::NotBegun)) => counts.left += 1,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Writes links into the CRM; returns how many are left to the next run.
    async fn keep_links(
        &mut self,
        column: &str,
        links: Vec<(&Member, Option<String>, Kept)>,
    ) -> Result<u64, InviteError> {
        let (mut ready, mut left) = (Vec::new(), 0);
        for (member, link, kept) in links {
            let link = match link {
                Some(link) => Some(link),
                None if self.stopped().is_some() => {
                    left += 1;
                    continue;
                }
                None => self.link_of(&kept).await?,
            };
            match link {
                Some(link) => ready.push((member, link, kept)),
                None => self.link_is(kept, Link::Missing).await?,
            }
        }
        let wanted: Vec<(&Member, String)> = ready.iter().map(|(member, link, _)| (*member, link.clone())).collect();
        let written = people::write_links(&self.inviter.dataverse, column, &wanted).await?;
        for ((.., kept), written) in ready.into_iter().zip(written) {
            match written {
                Written::Kept => self.link_is(kept, Link::Kept).await?,
                Written::Refused => {
                    tracing::warn!(event = self.event, person = %kept.invitation.person, column, "Dataverse refuses the link");
                    self.link_is(kept, Link::Missing).await?;
                }
                Written::NotYet => left += 1,
            }
        }
        Ok(left)
    }

    async fn link_is(&mut self, mut kept: Kept, link: Link) -> Result<(), InviteError> {
        let invitation = Invitation { link, ..kept.invitation.clone() };
        kept.replace(&*self.inviter.store, invitation).await?;
        self.remembered.put(kept);
        Ok(())
    }
}
