//! Which of the waiting events are written next. Batches that are under way at the same time share neither a participant nor a key
//! by which somebody is found; what would collide waits.

use std::collections::{HashSet, VecDeque};

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

/// Work that waits, and the claims of what is under way.
#[derive(Debug)]
pub struct Lanes<T> {
    waiting: VecDeque<(Scope, Needs, T)>,
    claimed: HashSet<Claim>,
    batches: usize,
    /// Whether what is under way must stay the only batch.
    closed: bool,
}

/// What is written together.
#[derive(Debug)]
pub struct Taken<T> {
    pub scope: Scope,
    /// In the order in which it came.
    pub work: Vec<T>,
    claims: Vec<Claim>,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), claimed: HashSet::new(), batches: 0, closed: false }
    }
}

impl<T> Lanes<T> {
    pub fn push(&mut self, scope: Scope, needs: Needs, work: T) {
        self.waiting.push_back((scope, needs, work));
    }

    /// Pieces of work that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Batches under way.
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// Begins the next batch, if there is one: of at most `most` pieces of work, and beside others only of at least `enough`, since
    /// many small batches cost more calls than a few large ones.
    pub fn take(&mut self, most: usize, enough: usize) -> Option<Taken<T>> {
        let enough = if self.batches == 0 { 1 } else { enough };
        if self.closed || self.waiting.len() < enough {
            return None;
        }
        let (chosen, quiet) = self.choose(most);
        if chosen.len() < enough {
            return None;
        }
        let scope = self.waiting[*chosen.first()?].0;
        let mut taken = Taken { scope, work: Vec::with_capacity(chosen.len()), claims: Vec::new() };
        let (mut chosen, mut rest) = (chosen.into_iter().peekable(), VecDeque::new());
        for (index, (scope, needs, work)) in self.waiting.drain(..).enumerate() {
            if chosen.next_if_eq(&index).is_none() {
                rest.push_back((scope, needs, work));
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
        self.closed = false;
    }

    /// The places of what may be written together now, and whether nothing else may be meanwhile.
    fn choose(&self, most: usize) -> (Vec<usize>, bool) {
        let (mut chosen, mut quiet) = (Vec::new(), false);
        // Whoever is passed over is not overtaken by those who collide with them.
        let mut passed_over: HashSet<Claim> = HashSet::new();
        let scope = self.waiting.front().map(|(scope, ..)| *scope);
        for (index, (of, needs, _)) in self.waiting.iter().enumerate() {
            match needs {
                _ if chosen.len() >= most => break,
                Needs::Claims(claims) => {
                    let taken = |claim: &Claim| self.claimed.contains(claim) || passed_over.contains(claim);
                    match Some(*of) == scope && !claims.iter().any(taken) {
                        true => chosen.push(index),
                        false => passed_over.extend(claims),
                    }
                }
                Needs::Quiet if self.batches == 0 && Some(*of) == scope => {
                    chosen.push(index);
                    quiet = true;
                }
                Needs::Solitude if self.batches == 0 && chosen.is_empty() && passed_over.is_empty() => {
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
        needs.into_iter().enumerate().for_each(|(number, needs)| lanes.push(Scope::Everything, needs, number));
        lanes
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
        let first = lanes.take(3, 1);
        assert_eq!(work(&first), Some(&[0, 1, 2][..]));
        // 3 and 5 collide with the first batch, and 6 with 5, which came before it.
        let second = lanes.take(3, 1);
        assert_eq!(work(&second), Some(&[4][..]));
        assert_eq!((work(&lanes.take(3, 1)), lanes.batches()), (None, 2));
        lanes.done(&first.unwrap());
        let third = lanes.take(3, 1);
        assert_eq!(work(&third), Some(&[3][..]));
        lanes.done(&second.unwrap());
        assert_eq!(work(&lanes.take(3, 1)), Some(&[5, 6][..]));
    }

    #[test]
    fn beside_others_only_a_batch_that_is_large_enough_begins() {
        let mut lanes = lanes_of((0..5).map(|claim| needs(&[claim])));
        let first = lanes.take(2, 4);
        assert_eq!(work(&first), Some(&[0, 1][..]));
        assert_eq!(work(&lanes.take(2, 4)), None);
        lanes.done(&first.unwrap());
        assert_eq!(work(&lanes.take(9, 4)), Some(&[2, 3, 4][..]));
    }

    #[test]
    fn what_needs_quiet_waits_for_the_others_and_they_for_it() {
        let claims = |claim| needs(&[claim]);
        let mut lanes = lanes_of([claims(1), Needs::Quiet, claims(2), Needs::Solitude, claims(3), claims(4)]);
        let first = lanes.take(1, 1);
        assert_eq!(work(&lanes.take(9, 1)), None);
        lanes.done(&first.unwrap());
        let second = lanes.take(9, 1);
        assert_eq!(work(&second), Some(&[1, 2][..]));
        assert_eq!(work(&lanes.take(9, 1)), None);
        lanes.done(&second.unwrap());
        let third = lanes.take(9, 1);
        assert_eq!(work(&third), Some(&[3][..]));
        assert_eq!(work(&lanes.take(9, 1)), None);
        lanes.done(&third.unwrap());
        assert_eq!(work(&lanes.take(9, 1)), Some(&[4, 5][..]));
    }

    #[test]
    fn a_batch_is_of_one_scope() {
        let mut lanes = Lanes::default();
        for (number, scope) in [Scope::People, Scope::Everything, Scope::People].into_iter().enumerate() {
            lanes.push(scope, needs(&[number as u32]), number);
        }
        let first = lanes.take(9, 1);
        assert_eq!((work(&first), first.as_ref().map(|taken| taken.scope)), (Some(&[0, 2][..]), Some(Scope::People)));
        assert_eq!(work(&lanes.take(9, 1)), Some(&[1][..]));
    }
}
