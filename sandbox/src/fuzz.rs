//! What must hold for any input of the parsers. Fuzz targets and the tests beside them call the same functions.

use std::cell::OnceCell;
use std::sync::Arc;

use uuid::Uuid;

use crate::Seed;
use crate::clock::Clock;
use crate::organization::Organization;
use crate::query::{Fetched, bind_fetch, bind_sql, parse_fetch, parse_options};
use crate::records::Session;
use crate::webapi::form_pairs;

pub use crate::webapi::fuzz_multipart as multipart;

thread_local! {
    /// Rows to ask for.
    static ORGANIZATION: OnceCell<Organization> = const { OnceCell::new() };
}

fn with_session(test: impl FnOnce(&Session<'_>)) {
    ORGANIZATION.with(|organization| {
        let organization = organization.get_or_init(|| {
            let made = Organization::new("fuzz", Seed::Crm, Arc::new(Clock::default()), None);
            made.unwrap_or_else(|error| panic!("no organisation to fuzz: {error:#}"))
        });
        let data = organization.data();
        test(&organization.session(&data, Uuid::nil()));
    });
}

/// The query of a URL about accounts is answered or refused.
pub fn odata(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    with_session(|session| {
        let Some(account) = session.data.schema.table("account") else { return };
        let Ok(options) = parse_options(session, account, &form_pairs(text)) else { return };
        let store = &session.data.store;
        answered(store.find(&options.query), text);
        answered(store.count(&options.query), text);
        if let Some(apply) = &options.apply {
            answered(store.aggregate(&options.query, &apply.aggregation), text);
        }
        for expand in &options.expand {
            answered(store.find(&expand.options.query), text);
        }
    });
}

/// FetchXML is answered or refused.
pub fn fetchxml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    with_session(|session| {
        let fetched = parse_fetch(text).and_then(|element| bind_fetch(session, &element, None));
        if let Ok(fetched) = fetched {
            run(session, &fetched, text);
        }
    });
}

/// A statement of SQL is answered or refused.
pub fn sql(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    with_session(|session| {
        if let Ok(fetched) = bind_sql(session, text, None, 0) {
            run(session, &fetched, text);
        }
    });
}

fn run(session: &Session<'_>, fetched: &Fetched, text: &str) {
    let store = &session.data.store;
    match &fetched.aggregation {
        Some(aggregation) => answered(store.aggregate(&fetched.query, aggregation), text),
        None => answered(store.find(&fetched.query), text),
    }
    answered(store.count(&fetched.query), text);
}

/// What was understood is no nonsense to SQLite.
fn answered<T>(result: rusqlite::Result<T>, text: &str) {
    if let Err(error) = result {
        panic!("{error} in {text}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    const ODATA: &[&str] = &[
        "$select=name,revenue&$filter=contains(name,'a') and (revenue gt 1.5 or not statecode eq 0)&$orderby=name desc&$top=3",
        "$filter=contact_customer_accounts/any(c:c/fullname eq 'A' and c/Contact_Tasks/all(t:t/statecode ne 1))&$count=true",
        "$expand=primarycontactid($select=fullname;$expand=owninguser($select=fullname)),Account_Tasks($filter=statecode eq 0)",
        "$expand=Account_Tasks($filter=statecode eq 0;$orderby=createdon;$top=1)",
        "$apply=filter(revenue ne null)/groupby((statecode,primarycontactid/fullname),aggregate(revenue with sum as s,$count as n))",
        "$filter=Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)&@p1='name'&@p2=[\"a\",\"b\"]",
        "$filter=createdon%20ge%202026-01-01T00%3A00%3A00Z+and+_ownerid_value+eq+50000000-0000-4000-8000-000000000001",
    ];
    const FETCHXML: &[&str] = &[
        "<fetch count='2' page='1' distinct='true'><entity name='account'><attribute name='name'/><order attribute='name'/></entity></fetch>",
        "<fetch><entity name='contact'><link-entity name='account' from='accountid' to='parentcustomerid' alias='a' link-type='outer'>\
         <attribute name='name'/></link-entity><filter type='or'><condition entityname='a' attribute='name' operator='like' value='%x%'/>\
         <condition attribute='createdon' operator='last-x-days' value='3'/></filter></entity></fetch>",
        "<fetch aggregate='true'><entity name='account'><attribute name='revenue' aggregate='sum' alias='s'/>\
         <attribute name='createdon' groupby='true' dategrouping='month' alias='m'/><order alias='m'/></entity></fetch>",
        "<fetch top='3'><entity name='account'><attribute name='accountid' rowaggregate='CountChildren' alias='n'/>\
         <link-entity name='contact' from='parentcustomerid' to='accountid' link-type='matchfirstrowusingcrossapply'/></entity></fetch>",
        "<fetch><entity name='account'><filter><link-entity name='contact' from='parentcustomerid' to='accountid' link-type='not all'>\
         <filter><condition attribute='statecode' operator='in'><value>0</value><value>1</value></condition></filter></link-entity>\
         </filter></entity></fetch>",
    ];
    const SQL: &[&str] = &[
        "SELECT DISTINCT TOP 3 name, a.revenue AS money FROM account AS a WHERE name LIKE '%a%' AND (revenue > 1.5 OR statecode IN (0, 1)) ORDER BY name DESC",
        "SELECT a.name, c.fullname FROM account a LEFT JOIN contact c ON c.parentcustomerid = a.accountid WHERE c.firstname <> a.name OR c.contactid IS NULL",
        "SELECT account.statecode, COUNT(*) AS n, SUM(revenue), MAX(c.createdon) m FROM account JOIN contact c ON c.parentcustomerid = account.accountid GROUP BY account.statecode ORDER BY n",
        "SELECT [name] FROM dbo.account WHERE revenue NOT BETWEEN -1 AND 2 /* x */ ORDER BY createdon OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY -- y",
    ];
    const MULTIPART: &[&str] = &[
        "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET accounts HTTP/1.1\r\nAccept: a\r\n\r\n\r\n--b--\r\n",
        "--b\r\nContent-Type: multipart/mixed; boundary=\"c\"\r\n\r\n--c\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\n\
         POST accounts HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{\"name\":\"x\"}\r\n--c--\r\n--b--\r\n",
    ];

    const MARKS: &[u8] = b"',()=<>/ \r\n-@$:";

    /// Sound inputs, cut, joined and scratched.
    fn near(seeds: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
        let scratches = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
        let seed = || prop::sample::select(seeds);
        (seed(), seed(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>(), scratches).prop_map(
            |(one, other, end, start, joined, scratches)| {
                let mut bytes = one.as_bytes().to_vec();
                if joined {
                    bytes.truncate(end.index(bytes.len()));
                    bytes.extend_from_slice(&other.as_bytes()[start.index(other.len())..]);
                }
                for (place, byte) in scratches {
                    if !bytes.is_empty() {
                        let place = place.index(bytes.len());
                        // Letters hit more of the grammar than noise does.
                        bytes[place] = if byte < 128 { byte.max(b' ') } else { MARKS[usize::from(byte) % MARKS.len()] };
                    }
                }
                bytes
            },
        )
    }

    fn budget(cases: u32) -> ProptestConfig {
        ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
    }

    #[test]
    fn sound_inputs_are_understood() {
        super::with_session(|session| {
            let account = session.data.schema.table("account").unwrap();
            for text in ODATA {
                crate::query::parse_options(session, account, &crate::webapi::form_pairs(text)).unwrap();
            }
            for text in FETCHXML {
                crate::query::bind_fetch(session, &crate::query::parse_fetch(text).unwrap(), None).unwrap();
            }
            for text in SQL {
                crate::query::bind_sql(session, text, None, 0).unwrap();
            }
        });
    }

    #[test]
    fn odata_is_answered_or_refused() {
        proptest!(budget(3000), |(bytes in near(ODATA), noise in any::<Vec<u8>>())| {
            super::odata(&bytes);
            super::odata(&noise);
        });
    }

    #[test]
    fn fetchxml_is_answered_or_refused() {
        proptest!(budget(3000), |(bytes in near(FETCHXML), noise in any::<Vec<u8>>())| {
            super::fetchxml(&bytes);
            super::fetchxml(&noise);
        });
    }

    #[test]
    fn sql_is_answered_or_refused() {
        proptest!(budget(3000), |(bytes in near(SQL), noise in any::<Vec<u8>>())| {
            super::sql(&bytes);
            super::sql(&noise);
        });
    }

    #[test]
    fn batches_that_are_understood_can_be_written_again() {
        proptest!(budget(20_000), |(bytes in near(MULTIPART), noise in any::<Vec<u8>>())| {
            super::multipart(&bytes);
            super::multipart(&noise);
        });
    }
}
