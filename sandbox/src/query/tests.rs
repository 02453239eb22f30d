//! Random queries, made of pieces that occur in real ones: none panics, and what is understood can be answered.

use std::sync::Arc;

use proptest::prelude::*;
use uuid::Uuid;

use super::{bind_fetch, parse_fetch, parse_options};
use crate::Seed;
use crate::clock::Clock;
use crate::organization::Organization;
use crate::records::Session;

/// Text made of pieces, with some noise in it.
fn made_of(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = String> {
    let piece = prop_oneof![12 => prop::sample::select(pieces).prop_map(str::to_owned), 1 => "[ -~é]{1,3}"];
    prop::collection::vec(piece, 1..most).prop_map(|parts| parts.concat())
}

const ODATA: &[&str] = &[
    "name",
    "statecode",
    "createdon",
    "_ownerid_value",
    "primarycontactid",
    "primarycontactid/fullname",
    "revenue",
    "contact_customer_accounts",
    "Account_Tasks",
    "/any(c:",
    "/all(c:",
    "c/fullname",
    "/any()",
    "c/Contact_Tasks",
    "(",
    ")",
    " eq ",
    " ne ",
    " gt ",
    " and ",
    " or ",
    "not ",
    "contains(",
    ",",
    "'a'",
    "'%_[a'",
    "1",
    "null",
    "true",
    "2026-01-01T00:00:00Z",
    "@p",
    "Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['a'])",
    "Microsoft.Dynamics.CRM.LastXDays(PropertyName='createdon',PropertyValue=3)",
    "Microsoft.Dynamics.CRM.",
    ";",
    "$select=",
    "$filter=",
    "$expand=",
    "$top=1",
    "$orderby=",
    "groupby((",
    "aggregate(",
    " with sum as x",
    " with countdistinct as y",
    "$count as n",
    "filter(",
    "/",
    "))",
    "=",
    "[",
    "]",
    "'",
    "\"",
    " desc",
    "/$ref",
    ":",
];

const FETCH: &[&str] = &[
    "<fetch>",
    "</fetch>",
    "<fetch aggregate='true'>",
    "<fetch distinct='true' count='3' page='2'>",
    "<entity name='account'>",
    "</entity>",
    "<attribute name='name'/>",
    "<attribute name='name' alias='n' groupby='true'/>",
    "<attribute name='revenue' aggregate='sum' alias='s'/>",
    "<all-attributes/>",
    "<order attribute='name'/>",
    "<order alias='n' descending='true'/>",
    "<filter type='or'>",
    "<filter>",
    "</filter>",
    "<condition attribute='name' operator='like' value='%a%'/>",
    "<condition attribute='name' operator='null'/>",
    "<condition attribute='createdon' operator='last-x-months' value='2'/>",
    "<condition entityname='c' attribute='fullname' operator='eq' value='x'/>",
    "<condition attribute='name' operator='eq' valueof='c.fullname'/>",
    "<condition attribute='ownerid' operator='eq-useroruserteams'/>",
    "<link-entity name='contact' from='parentcustomerid' to='accountid' alias='c' link-type='outer'>",
    "<link-entity name='task' from='regardingobjectid' to='contactid'>",
    "<link-entity name='contact' from='parentcustomerid' to='accountid' link-type='any'>",
    "</link-entity>",
    "&lt;",
];

const LINKS: &[&str] = &[
    "<link-entity name='contact' from='contactid' to='primarycontactid' alias='p'>",
    "<link-entity name='contact' from='parentcustomerid' to='accountid' alias='c' link-type='outer'>",
    "<link-entity name='contact' from='parentcustomerid' to='accountid' alias='c'>",
    "<link-entity name='task' from='regardingobjectid' to='accountid' link-type='not any'>",
    "<link-entity name='contact' from='parentcustomerid' to='accountid' link-type='all'>",
];

/// A well-formed FetchXML query with random insides.
fn fetch() -> impl Strategy<Value = String> {
    let root =
        prop::sample::select(vec!["", " aggregate='true'", " distinct='true'", " count='3' page='2'", " top='2'"]);
    let leaf = prop::sample::select(&FETCH[6..]).prop_filter("an element", |piece| piece.ends_with("/>"));
    let filter =
        prop::collection::vec(leaf.clone(), 0..3).prop_map(|inner| format!("<filter>{}</filter>", inner.concat()));
    let link = (prop::sample::select(LINKS), prop::collection::vec(leaf.clone(), 0..3), filter.clone())
        .prop_map(|(open, inner, filter)| format!("{open}{}{filter}</link-entity>", inner.concat()));
    let leaf = leaf.prop_map(str::to_owned);
    (root, prop::collection::vec(prop_oneof![leaf, filter, link], 0..6))
        .prop_map(|(root, inner)| format!("<fetch{root}><entity name='account'>{}</entity></fetch>", inner.concat()))
}

const ATOMS: &[&str] = &[
    "name eq 'a'",
    "statecode ne 0",
    "revenue gt 1.5",
    "createdon le modifiedon",
    "primarycontactid/fullname ne 'b'",
    "primarycontactid/owninguser/fullname eq null",
    "startswith(primarycontactid/parentcustomerid_account/name,'%a')",
    "contact_customer_accounts/any(c:c/fullname eq 'a' and c/Contact_Tasks/all(t:t/statecode eq 1))",
    "not Account_Tasks/any()",
    "Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=['a','b'])",
    "Microsoft.Dynamics.CRM.EqualUserOrUserHierarchyAndTeams(PropertyName='ownerid')",
    "Microsoft.Dynamics.CRM.UnderOrEqual(PropertyName='accountid',PropertyValue='ac000000-0000-4000-8000-000000000001')",
    "_ownerid_value eq @p",
];

/// An option with a value that is understood.
fn sound() -> impl Strategy<Value = (&'static str, String)> {
    let joined = |items: &'static [&'static str], between: &'static str| {
        prop::collection::vec(prop::sample::select(items), 1..4).prop_map(move |items| items.join(between))
    };
    let filter = || prop_oneof![joined(ATOMS, " and "), joined(ATOMS, " or "), joined(ATOMS, " or not ")];
    const SORT: &[&str] = &["name desc", "primarycontactid/fullname", "_ownerid_value", "createdon"];
    const GROUPS: &[&str] = &["statecode", "_ownerid_value", "primarycontactid/fullname", "name"];
    prop_oneof![
        filter().prop_map(|text| ("$filter", text)),
        joined(SORT, ",").prop_map(|text| ("$orderby", text)),
        filter().prop_map(|text| ("$apply", format!("filter({text})/aggregate(revenue with sum as s,$count as n)"))),
        joined(GROUPS, ",")
            .prop_map(|text| ("$apply", format!("groupby(({text}),aggregate(createdon with max as m))"))),
        prop::sample::select(ATOMS)
            .prop_map(|text| ("$expand", format!("parentaccountid($expand=account_parent_account($filter={text}))"))),
    ]
}

/// Runs a test with a session of an organisation that has rows.
fn with_session(test: impl Fn(&Session<'_>)) {
    let organization = Organization::new("fuzz", Seed::Crm, Arc::new(Clock::default()), None).unwrap();
    let data = organization.data();
    test(&organization.session(&data, Uuid::nil()));
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn random_options_are_answered_or_refused() {
    with_session(|session| {
        let account = session.data.schema.table("account").unwrap();
        let understood = std::cell::Cell::new(0);
        let option = prop::sample::select(vec!["$filter", "$expand", "$apply", "$orderby", "$select", "$skiptoken"]);
        let text = prop_oneof![sound(), (option, made_of(ODATA, 12))];
        proptest!(config(), |((name, value) in text)| {
            let pairs = [(name.to_owned(), value), ("@p".to_owned(), Uuid::nil().to_string())];
            let Ok(options) = parse_options(session, account, &pairs) else { return Ok(()) };
            session.data.store.find(&options.query).unwrap();
            session.data.store.count(&options.query).unwrap();
            if let Some(apply) = options.apply {
                session.data.store.aggregate(&options.query, &apply.aggregation).unwrap();
            }
            for expand in options.expand {
                session.data.store.find(&expand.options.query).unwrap();
            }
            understood.set(understood.get() + 1);
        });
        assert!(understood.get() > 150, "the pieces fit too rarely: {}", understood.get());
    });
}

#[test]
fn random_fetchxml_is_answered_or_refused() {
    with_session(|session| {
        let understood = std::cell::Cell::new(0);
        let text = prop_oneof![fetch(), made_of(FETCH, 12)];
        proptest!(config(), |(source in text)| {
            let Ok(element) = parse_fetch(&source) else { return Ok(()) };
            let Ok(fetched) = bind_fetch(session, &element, None) else { return Ok(()) };
            match &fetched.aggregation {
                Some(aggregation) => session.data.store.aggregate(&fetched.query, aggregation).map(drop).unwrap(),
                None => session.data.store.find(&fetched.query).map(drop).unwrap(),
            }
            session.data.store.count(&fetched.query).unwrap();
            understood.set(understood.get() + 1);
        });
        assert!(understood.get() > 150, "the pieces fit too rarely: {}", understood.get());
    });
}
