//! Which of the waiting events are written next. Batches that are under way at the same time share neither a participant nor a key
//! by which somebody is found; what would collide waits. An event with a pace of its own has batches of its own, and lanes for them: what
//! it waits for, no other event does.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use crate::{
    model::ParticipantEvent,
    sync::{
        claims::{self, Claim},
        engine::Scope,
        rules::Rules,
    },
};

/// The most batches under way. Dataverse allows a user 20 minutes of execution in five (Microsoft: "Service protection API
/// limits"): four calls at any time, on each of its servers.
const MOST_LANES: usize = 6;

/// What a piece of work needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// That no other batch touches these.
    Claims(Vec<Claim>),
    /// That no other batch is under way: it may touch any row of an event.
    Quiet,
    /// That nothing else is under way, nor in its batch.
    Solitude,
}

impl Needs {
    /// What writing an event needs. Without rules nothing is written anyway.
    pub fn of(event: &ParticipantEvent, rules: Option<&Rules>) -> Self {
        if event.participant.is_some() { Self::Claims(claims::of(event, rules)) } else { Self::Quiet }
    }
}

/// How many batches may be under way when Dataverse bears so many calls: one more, for while one call is under way the next is planned.
pub fn lanes(calls_at_once: usize) -> usize {
    (calls_at_once + 1).min(MOST_LANES)
}

/// What a batch is of: only its like are written together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Like {
    pub scope: Scope,
    /// The event that has a pace of its own; `None` of all others.
    pub own: Option<Arc<str>>,
}

impl Like {
    /// Of whatever event.
    pub fn all(scope: Scope) -> Self {
        Self { scope, own: None }
    }
}

/// What there is room for at one pace.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// The most pieces of work of a batch, and the fewest of one that begins beside others: many small ones cost more calls than a few
    /// large ones.
    pub most: usize,
    pub enough: usize,
    /// The most batches under way.
    pub lanes: usize,
}

/// Work that waits, and the claims of what is under way.
#[derive(Debug)]
pub struct Lanes<T> {
    waiting: VecDeque<(Like, Needs, T)>,
    /// How much of it.
    of_like: HashMap<Like, usize>,
    claimed: HashSet<Claim>,
    /// Batches under way, and how many of them at which pace.
    batches: usize,
    at_pace: HashMap<Option<Arc<str>>, usize>,
    /// Whether what is under way must stay the only batch.
    closed: bool,
}

/// What is written together.
#[derive(Debug)]
pub struct Taken<T> {
    pub like: Like,
    /// In the order in which it came.
    pub work: Vec<T>,
    claims: Vec<Claim>,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            of_like: HashMap::new(),
            claimed: HashSet::new(),
            batches: 0,
            at_pace: HashMap::new(),
            closed: false,
        }
    }
}

impl<T> Lanes<T> {
    pub fn push(&mut self, like: Like, needs: Needs, work: T) {
        match self.of_like.get_mut(&like) {
            Some(count) => *count += 1,
            None => _ = self.of_like.insert(like.clone(), 1),
        }
        self.waiting.push_back((like, needs, work));
    }

    /// Pieces of work that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Batches under way.
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// Begins the next batch, if there is one: of what came first, if there is room for it, and beside others at its pace if it is
    /// large enough.
    pub fn take(&mut self, room: impl Fn(Option<&str>) -> Room) -> Option<Taken<T>> {
        if self.closed {
            return None;
        }
        // By what is waited for: the most that a batch takes of it now, and the fewest.
        let mut due: HashMap<&Like, (usize, usize)> = HashMap::new();
        for (like, count) in &self.of_like {
            let (room, beside) = (room(like.own.as_deref()), self.at_pace.get(&like.own).copied().unwrap_or_default());
            let enough = if beside == 0 { 1 } else { room.enough };
            if beside < room.lanes && *count >= enough {
                due.insert(like, (room.most, enough));
            }
        }
        let mut found = None;
        for (like, ..) in &self.waiting {
            if due.is_empty() || found.is_some() {
                break;
            }
            let Some((most, enough)) = due.remove(like) else { continue };
            let (chosen, quiet) = self.choose(like, most);
            found = (chosen.len() >= enough).then(|| (like.clone(), chosen, quiet));
        }
        let (like, chosen, quiet) = found?;
        let left = self.of_like.get(&like).map_or(0, |count| count - chosen.len());
        match left {
            0 => _ = self.of_like.remove(&like),
            left => _ = self.of_like.insert(like.clone(), left),
        }
        *self.at_pace.entry(like.own.clone()).or_default() += 1;
        let mut taken = Taken { like, work: Vec::with_capacity(chosen.len()), claims: Vec::new() };
        let (mut chosen, mut rest) = (chosen.into_iter().peekable(), VecDeque::new());
        for (index, (like, needs, work)) in self.waiting.drain(..).enumerate() {
            if chosen.next_if_eq(&index).is_none() {
                rest.push_back((like, needs, work));
                continue;
            }
            taken.work.push(work);
            if let Needs::Claims(claims) = needs {
                taken.claims.extend(claims);
            }
        }
        self.waiting = rest;
        self.claimed.extend(&taken.claims);
        self.batches += 1;
        self.closed = quiet;
        Some(taken)
    }

    /// A batch is no longer under way.
    pub fn done(&mut self, taken: &Taken<T>) {
        taken.claims.iter().for_each(|claim| _ = self.claimed.remove(claim));
        self.batches -= 1;
        match self.at_pace.get_mut(&taken.like.own) {
            Some(batches @ 2..) => *batches -= 1,
            _ => _ = self.at_pace.remove(&taken.like.own),
        }
        self.closed = false;
    }

    /// The places of what may be written together now, and whether nothing else may be meanwhile.
    fn choose(&self, like: &Like, most: usize) -> (Vec<usize>, bool) {
        let (mut chosen, mut quiet) = (Vec::new(), false);
        // Whoever is passed over is not overtaken by those who collide with them, but by those who are written at another pace.
        let mut passed_over: HashSet<Claim> = HashSet::new();
        for (index, (of, needs, _)) in self.waiting.iter().enumerate() {
            match needs {
                _ if chosen.len() >= most => break,
                Needs::Claims(claims) => {
                    let taken = |claim: &Claim| self.claimed.contains(claim) || passed_over.contains(claim);
                    match of == like && !claims.iter().any(taken) {
                        true => chosen.push(index),
                        false if of.own == like.own => passed_over.extend(claims),
                        false => {}
                    }
                }
                Needs::Quiet if self.batches == 0 && of == like => {
                    chosen.push(index);
                    quiet = true;
                }
                Needs::Solitude if self.batches == 0 && of == like && chosen.is_empty() && passed_over.is_empty() => {
                    return (vec![index], true);
                }
                // What needs the others to end is not put off by what comes after it.
                Needs::Quiet | Needs::Solitude => break,
            }
        }
        (chosen, quiet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes_of(needs: impl IntoIterator<Item = Needs>) -> Lanes<usize> {
        let mut lanes = Lanes::default();
        needs
            .into_iter()
            .enumerate()
            .for_each(|(number, needs)| lanes.push(Like::all(Scope::Everything), needs, number));
        lanes
    }

    fn room(most: usize, enough: usize) -> impl Fn(Option<&str>) -> Room {
        move |_| Room { most, enough, lanes: 6 }
    }

    fn needs(claims: &[u32]) -> Needs {
        Needs::Claims(claims.iter().copied().map(Claim).collect())
    }

    fn work(taken: &Option<Taken<usize>>) -> Option<&[usize]> {
        taken.as_ref().map(|taken| taken.work.as_slice())
    }

    #[test]
    fn what_shares_a_claim_is_written_together_or_one_after_the_other() {
        let claims = [&[1, 7][..], &[1], &[2], &[7], &[3], &[2, 3], &[3]];
        let mut lanes = lanes_of(claims.map(needs));
        let first = lanes.take(room(3, 1));
        assert_eq!(work(&first), Some(&[0, 1, 2][..]));
        // 3 and 5 collide with the first batch, and 6 with 5, which came before it.
        let second = lanes.take(room(3, 1));
        assert_eq!(work(&second), Some(&[4][..]));
        assert_eq!((work(&lanes.take(room(3, 1))), lanes.batches()), (None, 2));
        lanes.done(&first.unwrap());
        let third = lanes.take(room(3, 1));
        assert_eq!(work(&third), Some(&[3][..]));
        lanes.done(&second.unwrap());
        assert_eq!(work(&lanes.take(room(3, 1))), Some(&[5, 6][..]));
    }

    #[test]
    fn beside_others_only_a_batch_that_is_large_enough_begins() {
        let mut lanes = lanes_of((0..5).map(|claim| needs(&[claim])));
        let first = lanes.take(room(2, 4));
        assert_eq!(work(&first), Some(&[0, 1][..]));
        assert_eq!(work(&lanes.take(room(2, 4))), None);
        lanes.done(&first.unwrap());
        assert_eq!(work(&lanes.take(room(9, 4))), Some(&[2, 3, 4][..]));
    }

    #[test]
    fn what_needs_quiet_waits_for_the_others_and_they_for_it() {
        let claims = |claim| needs(&[claim]);
        let mut lanes = lanes_of([claims(1), Needs::Quiet, claims(2), Needs::Solitude, claims(3), claims(4)]);
        let first = lanes.take(room(1, 1));
        assert_eq!(work(&lanes.take(room(9, 1))), None);
        lanes.done(&first.unwrap());
        let second = lanes.take(room(9, 1));
        assert_eq!(work(&second), Some(&[1, 2][..]));
        assert_eq!(work(&lanes.take(room(9, 1))), None);
        lanes.done(&second.unwrap());
        let third = lanes.take(room(9, 1));
        assert_eq!(work(&third), Some(&[3][..]));
        assert_eq!(work(&lanes.take(room(9, 1))), None);
        lanes.done(&third.unwrap());
        assert_eq!(work(&lanes.take(room(9, 1))), Some(&[4, 5][..]));
    }

    #[test]
    fn a_batch_is_of_one_scope() {
        let mut lanes = Lanes::default();
        for (number, scope) in [Scope::People, Scope::Everything, Scope::People].into_iter().enumerate() {
            lanes.push(Like::all(scope), needs(&[number as u32]), number);
        }
        let first = lanes.take(room(9, 1));
        assert_eq!(
            (work(&first), first.as_ref().map(|taken| taken.like.scope)),
            (Some(&[0, 2][..]), Some(Scope::People))
        );
        assert_eq!(work(&lanes.take(room(9, 1))), Some(&[1][..]));
    }

    /// One event has batches of two, one at a time; of all others, six large ones may be under way.
    fn room_of_two_paces(own: Option<&str>) -> Room {
        if own.is_some() { Room { most: 2, enough: 1, lanes: 1 } } else { Room { most: 9, enough: 5, lanes: 6 } }
    }

    fn at_pace_of(own: Option<&str>) -> Like {
        Like { own: own.map(Arc::from), ..Like::all(Scope::Everything) }
    }

    #[test]
    fn an_event_with_a_pace_of_its_own_has_batches_and_lanes_of_its_own() {
        let mut lanes = Lanes::default();
        for number in 0..4 {
            lanes.push(at_pace_of(Some("slow")), needs(&[number]), number as usize);
        }
        lanes.push(at_pace_of(None), needs(&[4]), 4);
        lanes.push(at_pace_of(Some("slow too")), needs(&[5]), 5);
        let first = lanes.take(room_of_two_paces);
        assert_eq!(work(&first), Some(&[0, 1][..]));
        // Small as they are, and behind others of the event: they wait for its lane, not these for them.
        assert_eq!(work(&lanes.take(room_of_two_paces)), Some(&[4][..]));
        assert_eq!(work(&lanes.take(room_of_two_paces)), Some(&[5][..]));
        assert_eq!((work(&lanes.take(room_of_two_paces)), lanes.waiting()), (None, 2));
        lanes.done(&first.unwrap());
        assert_eq!(work(&lanes.take(room_of_two_paces)), Some(&[2, 3][..]));
    }

    #[test]
    fn what_waits_at_one_pace_is_overtaken_at_another_by_whoever_collides_with_it_too() {
        let mut lanes = Lanes::default();
        for (number, own) in [Some("slow"), Some("slow"), Some("slow"), None, None].into_iter().enumerate() {
            // The third of the event's and the first of the others' are about the same person, and so are both last ones.
            lanes.push(at_pace_of(own), needs(&[[0, 1, 2, 2, 0][number]]), number);
        }
        let first = lanes.take(room_of_two_paces);
        assert_eq!(work(&first), Some(&[0, 1][..]));
        let second = lanes.take(room_of_two_paces);
        assert_eq!(work(&second), Some(&[3][..]));
        lanes.done(&first.unwrap());
        // What is under way is waited for.
        assert_eq!(work(&lanes.take(room(1, 1))), Some(&[4][..]));
        assert_eq!(work(&lanes.take(room_of_two_paces)), None);
        lanes.done(&second.unwrap());
        assert_eq!(work(&lanes.take(room_of_two_paces)), Some(&[2][..]));
    }

    #[test]
    fn what_needs_quiet_waits_for_batches_at_every_pace_and_they_for_it() {
        let mut lanes = Lanes::default();
        lanes.push(at_pace_of(None), needs(&[1]), 0);
        lanes.push(at_pace_of(Some("slow")), Needs::Quiet, 1);
        lanes.push(at_pace_of(None), needs(&[2]), 2);
        let first = lanes.take(room_of_two_paces);
        assert_eq!(work(&first), Some(&[0][..]));
        assert_eq!(work(&lanes.take(room_of_two_paces)), None);
        lanes.done(&first.unwrap());
        let closing = lanes.take(room_of_two_paces);
        assert_eq!(work(&closing), Some(&[1][..]));
        assert_eq!(work(&lanes.take(room_of_two_paces)), None);
        lanes.done(&closing.unwrap());
        assert_eq!(work(&lanes.take(room_of_two_paces)), Some(&[2][..]));
    }
}
