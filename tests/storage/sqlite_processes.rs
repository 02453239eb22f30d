//! One SQLite file between processes, some of which are killed.
//!
//! A child process is this test binary again, told by its environment what to do.

use std::{
    collections::HashSet,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use inevent_d365::{
    queue::{PutOptions, Queue, QueueError, Queues as _, SqliteQueues},
    store::{SqliteStore, StoreError},
};
use std::sync::Arc;

use crate::waiting::eventually;

const WORK: &str = "INEVENT_TEST_SQLITE_WORK";
const FILE: &str = "INEVENT_TEST_SQLITE_FILE";
const MINUTE: Duration = Duration::from_secs(60);

fn queue(file: &Path) -> Arc<dyn Queue> {
    SqliteQueues::open(file).unwrap().queue("shared").unwrap()
}

/// A child at work; killed when dropped, with the signal that gives it no chance.
struct Worker {
    process: Child,
    said: BufReader<ChildStdout>,
}

impl Worker {
    fn start(work: &str, file: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "sqlite_processes::child", "--nocapture", "--test-threads=1"])
            .env(WORK, work)
            .env(FILE, file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        Self { process, said }
    }

    /// What it says next that begins with this, without it.
    fn hear(&mut self, prefix: &str) -> Option<String> {
        let mut line = String::new();
        while self.said.read_line(&mut line).unwrap() > 0 {
            if let Some(rest) = line.trim_end().strip_prefix(prefix) {
                return Some(rest.to_owned());
            }
            line.clear();
        }
        None
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// What the child does. In the test run itself, nothing.
#[tokio::test]
async fn child() {
    let (Ok(work), Some(file)) = (std::env::var(WORK), std::env::var_os(FILE)) else { return };
    let queue = queue(Path::new(&file));
    match work.as_str() {
        "take one and hang" => {
            let messages = queue.receive(1, Duration::from_secs(1)).await.unwrap();
            println!("\ntook {}", messages[0].text);
            std::future::pending::<()>().await;
        }
        "put without end" => {
            for n in 0_u64.. {
                queue.put(&n.to_string(), PutOptions::default()).await.unwrap();
                println!("\nput {n}");
            }
        }
        "take all" => loop {
            let messages = queue.receive(5, 10 * MINUTE).await.unwrap();
            if messages.is_empty() {
                println!("\nend");
                return;
            }
            for message in messages {
                println!("\ntook {}", message.text);
                queue.delete(&message.receipt).await.unwrap();
            }
        },
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_message_whose_receiver_is_killed_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("desk.db");
    let queue = queue(&file);
    queue.create().await.unwrap();
    queue.put("precious", PutOptions::default()).await.unwrap();

    let mut worker = Worker::start("take one and hang", &file);
    assert_eq!(worker.hear("took ").as_deref(), Some("precious"));
    drop(worker);

    let message = eventually("it comes back", async || queue.receive(1, MINUTE).await.unwrap().pop()).await;
    assert_eq!((message.text.as_str(), message.dequeue_count), ("precious", 2));
}

#[tokio::test]
async fn what_was_put_before_the_kill_is_there_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("desk.db");
    queue(&file).create().await.unwrap();

    let mut worker = Worker::start("put without end", &file);
    let mut acknowledged = 0;
    while acknowledged < 50 {
        acknowledged = worker.hear("put ").unwrap().parse().unwrap();
    }
    drop(worker);

    // No handle has been open in between: this is the file as the killed process left it.
    let queue = queue(&file);
    let mut found = HashSet::new();
    while let batch @ [_, ..] = queue.receive(32, MINUTE).await.unwrap().as_slice() {
        found.extend(batch.iter().map(|message| message.text.parse::<u64>().unwrap()));
    }
    assert!((0..=acknowledged).all(|n| found.contains(&n)), "{acknowledged} {found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_the_work_and_no_message() {
    const MESSAGES: usize = 300;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("desk.db");
    let queue = queue(&file);
    queue.create().await.unwrap();
    for n in 0..MESSAGES {
        queue.put(&n.to_string(), PutOptions::default()).await.unwrap();
    }
    let mut workers: Vec<Worker> = (0..3).map(|_| Worker::start("take all", &file)).collect();
    let mut taken = Vec::new();
    for worker in &mut workers {
        while let Some(text) = worker.hear("took ") {
            taken.push(text);
        }
    }
    assert_eq!(taken.len(), MESSAGES);
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), MESSAGES);
    assert_eq!(queue.approximate_len().await.unwrap(), 0);
}

#[test]
fn a_new_file_may_be_opened_by_many_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("desk.db");
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| SqliteQueues::open(&file).unwrap());
        }
    });
}

#[tokio::test]
async fn messages_come_by_visibility_then_insertion() {
    let folder = tempfile::tempdir().unwrap();
    let queues = SqliteQueues::open(folder.path().join("desk.db")).unwrap();
    let (queue, probe) = (queues.queue("shared").unwrap(), queues.queue("probe").unwrap());
    queue.create().await.unwrap();
    probe.create().await.unwrap();
    queue.put("last", PutOptions::after(Duration::from_millis(200))).await.unwrap();
    queue.put("late", PutOptions::after(Duration::from_millis(100))).await.unwrap();
    for text in ["a", "b", "c"] {
        queue.put(text, PutOptions::default()).await.unwrap();
    }
    // When it is visible all of them are.
    probe.put("probe", PutOptions::after(Duration::from_millis(300))).await.unwrap();
    eventually("the probe", async || probe.receive(1, MINUTE).await.unwrap().pop()).await;
    let messages = queue.receive(32, MINUTE).await.unwrap();
    let texts: Vec<&str> = messages.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["a", "b", "c", "late", "last"]);
}

#[tokio::test]
async fn what_is_no_database_is_denied() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("desk.db");
    std::fs::write(&file, "this is a letter, not a database; ".repeat(100)).unwrap();
    for path in [file.as_path(), folder.path(), &folder.path().join("no/such/folder/desk.db")] {
        assert!(matches!(SqliteQueues::open(path), Err(QueueError::Denied(_))), "{}", path.display());
        assert!(matches!(SqliteStore::open(path), Err(StoreError::Denied(_))), "{}", path.display());
    }
}
