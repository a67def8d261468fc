//! Followers of the stream of events: many on one thread, which reads the events and throws them
//! away, or one that notes when each event came.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Result;

/// Longest wait for the next event of a stream that has more.
const EVENT_MAX: Duration = Duration::from_secs(20);
/// Pause between two looks whether the measurement is over.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The head of a request; `fields` are further header fields, each with its end of the line.
fn head(server: SocketAddr, query: &str, fields: &str) -> String {
    format!("GET /api/v1/events{query} HTTP/1.1\r\nHost: {server}\r\n{fields}\r\n")
}

/// Many followers; dropping this closes their connections.
pub struct Crowd {
    is_over: Arc<AtomicBool>,
    bytes: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Crowd {
    /// Connects so many followers, and waits until each has received its first bytes.
    pub fn connect(server: SocketAddr, count: usize, query: &str, fields: &str) -> Result<Self> {
        let (is_over, bytes) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (told, all_follow) = std::sync::mpsc::channel();
        let head = head(server, query, fields);
        let thread = std::thread::spawn({
            let (is_over, bytes) = (Arc::clone(&is_over), Arc::clone(&bytes));
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(async {
                    for _ in 0..count {
                        let (head, bytes, told) = (head.clone(), Arc::clone(&bytes), told.clone());
                        tokio::spawn(async move { read_on(server, &head, &bytes, &told).await });
                    }
                    drop(told);
                    while !is_over.load(Relaxed) {
                        tokio::time::sleep(LOOK_AGAIN).await;
                    }
                });
            }
        });
        let crowd = Self { is_over, bytes, thread: Some(thread) };
        for _ in 0..count {
            all_follow.recv_timeout(EVENT_MAX)??;
        }
        Ok(crowd)
    }

    /// How many bytes all followers together have received until now.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // The thread does nothing that can panic but making its runtime.
            let _ = thread.join();
        }
    }
}

type First = std::result::Result<(), String>;

async fn read_on(
    server: SocketAddr,
    head: &str,
    bytes: &AtomicU64,
    told: &std::sync::mpsc::Sender<First>,
) {
    let mut buffer = vec![0; 16 * 1024];
    let first = async {
        let mut stream = tokio::net::TcpStream::connect(server).await?;
        stream.write_all(head.as_bytes()).await?;
        let length = stream.read(&mut buffer).await?;
        if buffer[..length].starts_with(b"HTTP/1.1 200") {
            return Ok(stream);
        }
        Err(std::io::Error::other(String::from_utf8_lossy(&buffer[..length]).into_owned()))
    };
    match first.await {
        Err(error) => drop(told.send(Err(error.to_string()))),
        Ok(mut stream) => {
            drop(told.send(Ok(())));
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                bytes.fetch_add(length as u64, Relaxed);
            }
        }
    }
}

/// The worker that made an answer, among its header fields.
pub fn worker_in(fields: &[String]) -> Option<String> {
    let value = |line: &String| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("x-persona-worker").then(|| value.trim().to_owned())
    };
    fields.iter().find_map(value)
}

/// One follower, which reads line by line.
pub struct Follower {
    stream: BufReader<TcpStream>,
    /// The worker that serves it; `None` where the server does not tell.
    pub worker: Option<String>,
}

impl Follower {
    /// Connects, and reads the head of the answer.
    pub fn connect(server: SocketAddr, query: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(EVENT_MAX))?;
        stream.write_all(head(server, query, "").as_bytes())?;
        let stream = BufReader::with_capacity(256 * 1024, stream);
        let (mut follower, mut head) = (Self { stream, worker: None }, Vec::new());
        loop {
            let line = follower.line()?;
            if line.is_empty() {
                break;
            }
            head.push(line);
        }
        follower.worker = worker_in(&head);
        Ok(follower)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err("the stream ended".into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// The data of the next event.
    pub fn event(&mut self) -> Result<String> {
        loop {
            let line = self.line()?;
            if let Some(data) = line.strip_prefix("data: ") {
                return Ok(data.to_owned());
            }
        }
    }

    /// Reads until so many events have come. Returns how many came in a second.
    pub fn drain(mut self, count: u64) -> Result<f64> {
        let began = Instant::now();
        let (mut buffer, mut seen, mut matched) = (vec![0; 256 * 1024], 0_u64, 0_usize);
        // The beginning of each event, wherever the parts of the stream end.
        let mark = b"\ndata: ";
        while seen < count {
            let length = self.stream.read(&mut buffer)?;
            if length == 0 {
                return Err("the stream ended".into());
            }
            for byte in &buffer[..length] {
                matched = if *byte == mark[matched] {
                    matched + 1
                } else {
                    usize::from(*byte == mark[0])
                };
                if matched == mark.len() {
                    (seen, matched) = (seen + 1, 0);
                }
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 events")]
        Ok(count as f64 / began.elapsed().as_secs_f64())
    }
}

/// When each change was acknowledged and by which worker, by persona and revision.
pub type Acknowledged = HashMap<(String, u64), (Instant, Option<String>)>;

/// Notes each change that a follower is told of, with the moment at which the event came, until
/// `is_over` is set and no more events come.
pub fn arrivals(mut follower: Follower, is_over: &AtomicBool) -> Vec<((String, u64), Instant)> {
    let mut told = Vec::new();
    while let Ok(data) = follower.event() {
        let now = Instant::now();
        let Ok(event) = serde_json::from_str::<serde_json::Value>(&data) else { break };
        let id = event["persona"].as_str().unwrap_or_default().to_owned();
        told.push(((id, event["revision"].as_u64().unwrap_or_default()), now));
        if is_over.load(Relaxed) {
            break;
        }
    }
    told
}
