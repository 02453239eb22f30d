//! What may count as a score: gamification points, quiz results, time spent. An "engagement score" InEvent does not have.

use super::{Client, Error, Listing, Pages, Row, people::Found};

const PERSON: &[&str] = &["personID", "id"];

/// A number for one person.
#[derive(Debug, Clone)]
pub struct Score {
    pub person: String,
    /// Points, or seconds of time spent.
    pub value: f64,
    /// The session, where it is of one.
    pub activity: Option<String>,
    pub raw: Row,
}

impl Score {
    /// `None` where nothing is said: that is not 0.
    fn read(raw: Row, fields: &[&str]) -> Option<Self> {
        let value = raw.number(fields).or_else(|| clock(&raw.text(fields)?))?;
        Some(Self { person: raw.id(PERSON)?, value, activity: raw.id(&["activityID"]), raw })
    }
}

const POINTS: &[&str] = &["points", "score", "total"];
const SPENT: &[&str] = &["timeSpent", "watchTimeSpent", "seconds", "duration"];

/// `hh:mm:ss` in seconds, as reports have it since 2022-09-02.
fn clock(text: &str) -> Option<f64> {
    let parts: Vec<u32> = text.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    (parts.len() == 3).then(|| f64::from(parts[0]) * 3_600.0 + f64::from(parts[1]) * 60.0 + f64::from(parts[2]))
}

impl Client {
    /// Gamification points of everybody who has some.
    pub async fn leaderboard(&self, event: &str) -> Result<Listing<Score>, Error> {
        let listing = Pages::of(self, "gamification.leaderboard", &[("eventID", event)], PERSON).all().await?;
        Ok(listing.filter_map(|row| Score::read(row, POINTS)))
    }

    /// Gamification points of one person.
    pub async fn points(&self, event: &str, person: &str) -> Result<Found<Score>, Error> {
        let answer = self.read("gamification.person.get", &[("eventID", event), ("personID", person)], &[]).await;
        Found::first(answer, |row| {
            let mut row = row;
            row.0.entry("personID").or_insert_with(|| person.into());
            Score::read(row, POINTS)
        })
    }

    /// Results of the quizzes of an event.
    pub async fn quizzes(&self, event: &str) -> Result<Listing<Score>, Error> {
        let ids = &["quizPersonID", "id", "personID"];
        let listing = Pages::of(self, "quiz.person.find", &[("eventID", event)], ids).all().await?;
        Ok(listing.filter_map(|row| Score::read(row, POINTS)))
    }

    /// How long people watched, in seconds.
    pub async fn time_spent(&self, event: &str) -> Result<Listing<Score>, Error> {
        let (query, ids) = ([("eventID", event), ("selection", "all")], &["livePersonID", "id", "personID"]);
        let listing = Pages::of(self, "live.person.analyticsFind", &query, ids).all().await?;
        Ok(listing.filter_map(|row| Score::read(row, SPENT)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_absent_score_is_not_zero_and_times_are_seconds() {
        let read = |row, fields| Score::read(Row::try_from(row).unwrap(), fields).map(|score| score.value);
        assert_eq!(read(json!({ "personID": "1", "points": "70" }), POINTS), Some(70.0));
        assert_eq!(read(json!({ "personID": "1", "points": "0" }), POINTS), Some(0.0));
        assert_eq!(read(json!({ "personID": "1", "points": "" }), POINTS), None);
        assert_eq!(read(json!({ "personID": "1", "timeSpent": "01:02:03" }), SPENT), Some(3_723.0));
        assert_eq!(read(json!({ "personID": "1", "timeSpent": "long" }), SPENT), None);
    }
}
