//! A lease has one holder, whatever store it is kept in. The clock is the test's.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use inevent_d365::store::{CLOCK_SKEW, Lease};
use jiff::Timestamp;

use crate::places::Place;

const TTL: Duration = Duration::from_secs(60);

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub async fn one_of_many_gets_it(place: &Place) {
    let racers = (0..16).map(|n| {
        let store = Arc::clone(&place.store);
        tokio::spawn(async move { Lease::acquire(&*store, "token", &format!("racer {n}"), TTL, noon()).await.unwrap() })
    });
    let leases: Vec<Lease> = join_all(racers).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].until(), noon() + TTL);
}

pub async fn one_of_many_takes_it_over(place: &Place) {
    let store = &*place.store;
    Lease::acquire(store, "token", "the dead", TTL, noon()).await.unwrap().unwrap();
    let racers = (0..16).map(|n| {
        let store = Arc::clone(&place.store);
        let later = noon() + TTL + CLOCK_SKEW;
        tokio::spawn(async move { Lease::acquire(&*store, "token", &format!("racer {n}"), TTL, later).await.unwrap() })
    });
    assert_eq!(join_all(racers).await.into_iter().filter_map(Result::unwrap).count(), 1);
}

pub async fn it_is_taken_over_after_its_time_and_the_skew(place: &Place) {
    let store = &*place.store;
    let mut first = Lease::acquire(store, "token", "a", TTL, noon()).await.unwrap().unwrap();
    let tick = Duration::from_millis(1);
    assert!(first.is_held(noon() + TTL - tick) && !first.is_held(noon() + TTL));
    for early in [noon(), noon() + TTL, noon() + TTL + CLOCK_SKEW - tick] {
        assert!(Lease::acquire(store, "token", "b", TTL, early).await.unwrap().is_none());
        assert!(Lease::acquire(store, "token", "a", TTL, early).await.unwrap().is_none(), "not even its own name");
    }
    let late = noon() + TTL + CLOCK_SKEW;
    let second = Lease::acquire(store, "token", "b", TTL, late).await.unwrap().unwrap();
    assert!(!first.renew(store, TTL, late).await.unwrap());
    first.release(store).await.unwrap();
    assert!(Lease::acquire(store, "token", "c", TTL, late).await.unwrap().is_none(), "b still has it");
    second.release(store).await.unwrap();
}

pub async fn renewing_prolongs_it(place: &Place) {
    let store = &*place.store;
    let mut lease = Lease::acquire(store, "token", "a", TTL, noon()).await.unwrap().unwrap();
    for n in 1..4 {
        assert!(lease.renew(store, TTL, noon() + n * TTL / 2).await.unwrap());
        assert_eq!(lease.until(), noon() + n * TTL / 2 + TTL);
    }
    let before_its_end = lease.until() - Duration::from_secs(1);
    assert!(Lease::acquire(store, "token", "b", TTL, before_its_end).await.unwrap().is_none());
}

pub async fn a_released_lease_is_free_at_once(place: &Place) {
    let store = &*place.store;
    let lease = Lease::acquire(store, "token", "a", TTL, noon()).await.unwrap().unwrap();
    assert!(Lease::acquire(store, "other", "b", TTL, noon()).await.unwrap().is_some(), "names are apart");
    lease.release(store).await.unwrap();
    assert!(Lease::acquire(store, "token", "b", TTL, noon()).await.unwrap().is_some());
}
