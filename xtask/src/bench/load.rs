//! Load on a server: kept connections that each send one request after the other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::http::Connection;

/// How many requests are on their way at once.
pub const CONNECTIONS: usize = 16;

/// What is sent over and over.
pub struct Requests<'a> {
    pub target: &'a str,
    pub headers: &'a str,
    /// The only answer that counts.
    pub expected: u16,
    /// Makes the body of the request with this number; each number is used once.
    pub body: &'a (dyn Fn(u64) -> String + Sync),
}

/// When a run ends.
#[derive(Clone, Copy)]
pub enum Until {
    After(Duration),
    /// When this many requests are answered.
    Sent(u64),
}

/// What a run came to.
pub struct Outcome {
    pub requests: usize,
    pub requests_per_second: f64,
    /// The time that half the answers took at most.
    pub median: Duration,
    /// The time that 99 of 100 answers took at most.
    pub slow: Duration,
}

/// Sends `requests` to `port`. The first answer other than the expected one ends the run with an error.
pub fn run(port: u16, requests: &Requests, until: Until) -> Result<Outcome> {
    let number = AtomicU64::new(0);
    let failed = AtomicBool::new(false);
    let started = Instant::now();
    let runs: Vec<Result<Vec<Duration>>> = thread::scope(|scope| {
        let sender = || {
            let sent = send(port, requests, &number, (started, until), &failed);
            failed.fetch_or(sent.is_err(), Ordering::Relaxed);
            sent
        };
        let senders: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(sender)).collect();
        senders.into_iter().map(|sender| sender.join().unwrap_or_else(|_| Err(anyhow!("a sender panicked")))).collect()
    });
    let took = started.elapsed();
    let mut answers: Vec<Duration> = runs.into_iter().collect::<Result<Vec<_>>>()?.concat();
    if answers.is_empty() {
        bail!("no answer");
    }
    answers.sort_unstable();
    Ok(Outcome {
        requests: answers.len(),
        requests_per_second: answers.len() as f64 / took.as_secs_f64(),
        median: answers[answers.len() / 2],
        slow: answers[answers.len() * 99 / 100],
    })
}

/// One connection's part: how long each answer took.
fn send(
    port: u16,
    requests: &Requests,
    number: &AtomicU64,
    (started, until): (Instant, Until),
    failed: &AtomicBool,
) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(port).context("cannot connect")?;
    let mut answers = Vec::new();
    while !failed.load(Ordering::Relaxed) {
        let number = number.fetch_add(1, Ordering::Relaxed);
        match until {
            Until::After(time) if started.elapsed() >= time => break,
            Until::Sent(count) if number >= count => break,
            _ => {}
        }
        let body = (requests.body)(number);
        let sent = Instant::now();
        let answer = connection.exchange("POST", requests.target, requests.headers, body.as_bytes())?;
        answers.push(sent.elapsed());
        if answer.status() != Some(requests.expected) {
            let status = answer.status().map_or("no status".to_owned(), |status| status.to_string());
            let said = String::from_utf8_lossy(&answer.body);
            let said: String = said.chars().take(400).collect();
            bail!("answered {status} where {} was expected: {said}", requests.expected);
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::super::http;
    use super::*;

    fn server(answer: &'static [u8]) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        http::serve(listener, |_| answer.to_vec());
        port
    }

    fn requests() -> Requests<'static> {
        Requests { target: "/", headers: "", expected: 202, body: &|number| number.to_string() }
    }

    #[test]
    fn accepted_requests_are_counted() {
        let port = server(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
        let outcome = run(port, &requests(), Until::After(Duration::from_millis(50))).unwrap();
        assert!(outcome.requests_per_second > 0.0);
        assert!(outcome.median <= outcome.slow);
        assert_eq!(run(port, &requests(), Until::Sent(40)).unwrap().requests, 40);
    }

    #[test]
    fn a_refusal_ends_the_run_and_says_why() {
        let port = server(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nlate");
        let error = run(port, &requests(), Until::After(Duration::from_secs(60))).err().unwrap().to_string();
        assert_eq!(error, "answered 429 where 202 was expected: late");
    }
}
