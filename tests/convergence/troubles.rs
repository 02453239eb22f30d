//! What goes wrong with a CRM: single calls fail, and now and then all of them do for a while.

use std::time::Duration;

use inevent_d365::dataverse::{Failure, Hold};

use crate::processes::Chance;

const ONCE: Failure = Failure::Transient { retry_after: None };

/// The most calls that meet what lasts.
const CALLS: usize = 40;

/// What calls meet at the moment, and how many more will.
#[derive(Debug, Default)]
pub struct Troubles(Option<(Lasting, usize)>);

#[derive(Debug, Clone, Copy)]
enum Lasting {
    /// Nothing answers.
    Outage,
    /// Most calls are answered 429.
    Throttling,
    /// The secret has expired.
    ExpiredSecret,
    /// The role that lets the connector write was taken away.
    NoRole,
}

impl Troubles {
    /// What a call meets, if anything. A `write` that fails may have taken effect.
    pub fn meet(&mut self, chance: &mut Chance, write: bool) -> Option<Failure> {
        use Lasting::*;
        let once = chance.one_in(12).then_some(ONCE);
        let Some((lasting, left)) = self.0.take() else {
            let begins = chance.one_in(50);
            let lasting = [Outage, Throttling, ExpiredSecret, NoRole][chance.below(4)];
            self.0 = begins.then(|| (lasting, 1 + chance.below(CALLS)));
            return once;
        };
        self.0 = Some((lasting, left - 1)).filter(|(_, left)| *left > 0);
        match lasting {
            Outage => Some(ONCE),
            Throttling if !chance.one_in(3) => Some(Failure::Transient { retry_after: Some(Duration::from_secs(30)) }),
            ExpiredSecret => Some(Failure::Held(Hold::Entra(7_000_222))),
            NoRole if write => Some(Failure::Held(Hold::Privilege)),
            Throttling | NoRole => once,
        }
    }

    /// What one row of a call meets while the others are written: it was the victim of a deadlock.
    pub fn of_row(chance: &mut Chance) -> Option<Failure> {
        chance.one_in(50).then_some(ONCE)
    }
}
