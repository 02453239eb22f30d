//! Who is on marketing lists and segments.

use std::collections::HashSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{fetch_xml::PeopleQuery, member::naming};
use crate::{
    dataverse::{Answer, Client, Columns, Error, Failure, FetchCookie, Hold, Part, query},
    model::stamp::Fingerprint,
    settings::document::Target,
};

/// Ids that one query of a dynamic list is narrowed to: the whole stays below what a line of `$batch` may hold.
const NARROWED: usize = 300;

/// A list whose members can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    pub id: Uuid,
    /// Of whom its members are.
    pub table: Target,
    pub kind: ListKind,
    /// What is different once the list has other members, as far as that can be told without reading them.
    pub version: String,
}

/// Where the members stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListKind {
    Static,
    Dynamic(PeopleQuery),
    /// A segment of Customer Insights - Journeys. Whether it tells all of its members is not published.
    Segment,
}

impl ListKind {
    /// Whether the members may change without a trace at the list itself.
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Static)
    }
}

/// Why the members of a list cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListTrouble {
    Missing,
    Inactive,
    NotPeople,
    Query(&'static str),
    Denied,
    /// A segment that does not tell its members.
    Segment,
}

impl ListTrouble {
    /// What is wrong and what an administrator does about it.
    pub fn told(&self) -> (String, &'static str) {
        let (problem, remedy) = match self {
            Self::Missing => (
                "there is no such list or segment",
                "Correct the id in invitations.lists. Marketing lists need Dynamics 365 Sales.",
            ),
            Self::Inactive => ("it is inactive", "Activate it in Dynamics, or name another one."),
            Self::NotPeople => (
                "its members are neither contacts nor leads",
                "Name a list of contacts or of leads: accounts have no person to invite.",
            ),
            Self::Query(why) => (*why, "Correct the query of the dynamic list in Dynamics."),
            Self::Denied => (
                "the application user may not read it",
                "Give its role Read on Marketing List, Contact and Lead (for a segment, on the tables of Customer Insights - Journeys).",
            ),
            Self::Segment => (
                "the segment does not tell its members",
                "Make a dynamic marketing list with the conditions of the segment in Dynamics, and name that one instead.",
            ),
        };
        (problem.to_owned(), remedy)
    }
}

/// Some members, and where the next ones are.
#[derive(Debug, Clone, Default)]
pub struct MemberPage {
    pub ids: Vec<Uuid>,
    /// Ids of lists, columns and rows only.
    pub next: Option<String>,
}

/// A page that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the list cannot be read")]
    List(ListTrouble),
    #[error(transparent)]
    Dataverse(#[from] Error),
}

/// Looks at all of them in one call, or two where one of them is no list.
pub async fn look(client: &Client, lists: &[Uuid]) -> Result<Vec<Result<List, ListTrouble>>, Error> {
    const COLUMNS: [&str; 6] = ["createdfromcode", "type", "statecode", "query", "membercount", "modifiedon"];
    let newest = "&$orderby=createdon desc,listmemberid desc&$top=1".replace(' ', "%20");
    let mut parts = Vec::new();
    for list in lists {
        parts.push(Part::get(query::select("lists", &COLUMNS, &format!("listid eq {list}"))));
        let members = query::select("listmembers", &["listmemberid", "createdon"], &format!("_listid_value eq {list}"));
        parts.push(Part::get(members + &newest));
    }
    let answers = client.batch(&parts).await?;
    let mut found = Vec::new();
    for (list, answers) in lists.iter().zip(answers.chunks(2)) {
        let (row, newest) = match (first(&answers[0]), first(&answers[1])) {
            (Ok(row), Ok(newest)) => (row, newest),
            (Err(trouble), _) | (_, Err(trouble)) => match trouble {
                Trouble::List(trouble) => {
                    found.push(Err(trouble));
                    continue;
                }
                Trouble::Call(error) => return Err(error),
            },
        };
        found.push(match row {
            Some(row) => read(*list, &row, newest),
            None => segment(client, *list).await?,
        });
    }
    Ok(found)
}

enum Trouble {
    List(ListTrouble),
    Call(Error),
}

/// The first row of an answer.
fn first(answer: &Answer) -> Result<Option<Columns>, Trouble> {
    match answer {
        Ok(answer) => Ok(answer["value"].get(0).and_then(Value::as_object).cloned()),
        Err(error) => Err(match error.failure() {
            Failure::Held(Hold::Privilege) => Trouble::List(ListTrouble::Denied),
            Failure::Held(Hold::Schema) => Trouble::List(ListTrouble::Missing),
            _ => Trouble::Call(error.clone().into()),
        }),
    }
}

fn read(id: Uuid, row: &Columns, newest: Option<Columns>) -> Result<List, ListTrouble> {
    let number = |column: &str| row.get(column).and_then(Value::as_i64);
    if number("statecode") == Some(1) {
        return Err(ListTrouble::Inactive);
    }
    let table = match number("createdfromcode") {
        Some(2) => Target::Contact,
        Some(4) => Target::Lead,
        _ => return Err(ListTrouble::NotPeople),
    };
    let source = row.get("query").and_then(Value::as_str);
    let kind = match row.get("type").and_then(Value::as_bool) {
        Some(true) => {
            let source = source.ok_or(ListTrouble::Query("the dynamic list has no query"))?;
            let (table, key) = (logical_name(table), naming(table).1);
            ListKind::Dynamic(PeopleQuery::new(source, table, key).map_err(ListTrouble::Query)?)
        }
        _ => ListKind::Static,
    };
    // Of a dynamic list the platform counts nobody; its query is what may change.
    let told = json!([row.get("membercount"), row.get("modifiedon"), source, newest]);
    Ok(List { id, table, kind, version: Fingerprint::of(&told.to_string()).to_string() })
}

fn logical_name(table: Target) -> &'static str {
    match table {
        Target::Contact => "contact",
        Target::Lead => "lead",
    }
}

/// A segment of this id (Microsoft: "Create a Customer Insights - Journeys segment using the Web API").
async fn segment(client: &Client, id: Uuid) -> Result<Result<List, ListTrouble>, Error> {
    let columns = ["msdynmkt_baseentitylogicalname", "statecode", "modifiedon"];
    let path = query::select("msdynmkt_segments", &columns, &format!("msdynmkt_segmentid eq {id}"));
    let answer = client.batch(&[Part::get(path)]).await?.into_iter().next();
    let row = match answer.map(|answer| first(&answer)) {
        Some(Ok(Some(row))) => row,
        Some(Err(Trouble::Call(error))) => return Err(error),
        Some(Err(Trouble::List(trouble))) => return Ok(Err(trouble)),
        _ => return Ok(Err(ListTrouble::Missing)),
    };
    let table = match row.get("msdynmkt_baseentitylogicalname").and_then(Value::as_str) {
        Some("contact") => Target::Contact,
        Some("lead") => Target::Lead,
        _ => return Ok(Err(ListTrouble::NotPeople)),
    };
    if row.get("statecode").and_then(Value::as_i64) == Some(1) {
        return Ok(Err(ListTrouble::Inactive));
    }
    let version = Fingerprint::of(&json!(row.get("modifiedon")).to_string()).to_string();
    Ok(Ok(List { id, table, kind: ListKind::Segment, version }))
}

impl List {
    /// Some members: the first ones, or those at the place that the page before gave.
    pub async fn page(&self, client: &Client, at: Option<&str>) -> Result<MemberPage, ReadError> {
        match &self.kind {
            ListKind::Static => {
                let first =
                    || query::select("listmembers", &["_entityid_value"], &format!("_listid_value eq {}", self.id));
                let (rows, next) = client.read_page(at.map_or_else(first, str::to_owned)).await?;
                Ok(MemberPage { ids: rows.iter().filter_map(|row| id(row, "_entityid_value")).collect(), next })
            }
            ListKind::Dynamic(people) => {
                let (number, cookie) = place(at);
                let (ids, next) = self.run(client, people, (number, cookie.as_ref()), &[]).await?;
                let next = next.filter(|_| !people.has_one_page());
                let next = next.map(|cookie| format!("{}\n{}", number + 1, cookie.0.unwrap_or_default()));
                Ok(MemberPage { ids, next })
            }
            ListKind::Segment => Ok(MemberPage { ids: self.told(client).await?, next: None }),
        }
    }

    async fn run(
        &self,
        client: &Client,
        people: &PeopleQuery,
        (number, cookie): (u32, Option<&FetchCookie>),
        among: &[Uuid],
    ) -> Result<(Vec<Uuid>, Option<FetchCookie>), ReadError> {
        let (set, key) = naming(self.table);
        let broken = |_| ReadError::List(ListTrouble::Query("the query is not XML"));
        let xml = people.page(number, cookie, among).map_err(broken)?;
        match client.fetch(set, &xml).await {
            Ok((rows, next)) => Ok((rows.iter().filter_map(|row| id(row, key)).collect(), next)),
            Err(error) => Err(match error.failure() {
                Failure::Refused { .. } => ReadError::List(ListTrouble::Query("Dataverse refuses the query")),
                Failure::Held(Hold::Privilege) => ReadError::List(ListTrouble::Denied),
                _ => error.into(),
            }),
        }
    }

    /// The members that a segment tells: `ResultText` is JSON whose `members` are ids, each by itself or several in a text.
    async fn told(&self, client: &Client) -> Result<Vec<Uuid>, ReadError> {
        let silent = || ReadError::List(ListTrouble::Segment);
        let answer = match client.ask("msdynmkt_MembersList", &json!({ "SegmentId": self.id })).await {
            Ok(answer) => answer,
            Err(error) => match error.failure() {
                Failure::Held(Hold::Schema) | Failure::Refused { .. } => return Err(silent()),
                Failure::Held(Hold::Privilege) => return Err(ReadError::List(ListTrouble::Denied)),
                _ => return Err(error.into()),
            },
        };
        let text = answer["ResultText"].as_str().ok_or_else(silent)?;
        let result: Value = serde_json::from_str(text).map_err(|_| silent())?;
        let members = result["members"].as_array().ok_or_else(silent)?;
        let texts = members.iter().filter_map(Value::as_str).flat_map(|text| text.split(','));
        Ok(texts.filter_map(|id| id.trim().parse().ok()).collect())
    }

    /// Which of these people are on the list; `None` where that cannot be told for sure.
    pub async fn among(&self, client: &Client, people: &[Uuid]) -> Result<Option<HashSet<Uuid>>, ReadError> {
        let mut found = HashSet::new();
        match &self.kind {
            ListKind::Static => {
                let ids: Vec<String> = people.iter().map(Uuid::to_string).collect();
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                let of = |run: Vec<&str>| {
                    let filter = format!("_listid_value eq {} and {}", self.id, query::is_one_of("entityid", run));
                    query::select("listmembers", &["_entityid_value"], &filter)
                };
                let rows = client.read(query::chunks(&ids).into_iter().map(of).collect()).await?;
                found.extend(rows.iter().flatten().filter_map(|row| id(row, "_entityid_value")));
            }
            ListKind::Dynamic(query) if !query.has_one_page() => {
                for run in people.chunks(NARROWED) {
                    found.extend(self.run(client, query, (1, None), run).await?.0);
                }
            }
            ListKind::Dynamic(_) | ListKind::Segment => return Ok(None),
        }
        Ok(Some(found))
    }
}

/// The number of a page and the cookie that leads to it.
fn place(at: Option<&str>) -> (u32, Option<FetchCookie>) {
    let place = at.and_then(|at| at.split_once('\n')).and_then(|(number, cookie)| {
        let cookie = Some(cookie.to_owned()).filter(|cookie| !cookie.is_empty());
        Some((number.parse().ok()?, Some(FetchCookie(cookie))))
    });
    place.unwrap_or((1, None))
}

fn id(row: &Columns, column: &str) -> Option<Uuid> {
    row.get(column)?.as_str()?.parse().ok()
}
