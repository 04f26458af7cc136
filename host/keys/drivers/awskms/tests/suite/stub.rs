//! A server that answers as it is told to: wrongly, slowly, never. Std only, so that it shares nothing with the driver.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// What it answers.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A status, headers and a body.
    Reply(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// These bytes, which need not be HTTP, and the end of the connection.
    Bytes(Vec<u8>),
    /// A status and a body without end.
    Flood,
    /// Nothing; the connection stays open.
    Never,
    /// The answer, after a while.
    Late(Duration, Box<Answer>),
}

impl Answer {
    /// 200 and JSON.
    pub(crate) fn json(body: Value) -> Self {
        Self::Reply(200, vec![], body.to_string().into_bytes())
    }

    /// An error as KMS answers it.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Reply(status, vec![], json!({ "__type": code, "message": message }).to_string().into_bytes())
    }

    /// The answer with a header.
    pub(crate) fn with(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Reply(status, mut headers, body) => {
                headers.push((name, value.to_owned()));
                Self::Reply(status, headers, body)
            }
            other => other,
        }
    }
}

/// A request: the operation, its fields, and all headers as they came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) operation: String,
    pub(crate) fields: Value,
    pub(crate) head: String,
}

/// A running server; its threads end with the process.
pub(crate) struct Stub {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    /// A server that answers each request by this rule, which is told how many came before.
    pub(crate) fn new(rule: impl Fn(usize, &Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, rule) = (Arc::new(Mutex::new(Vec::new())), Arc::new(rule));
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (kept, rule) = (Arc::clone(&kept), Arc::clone(&rule));
                std::thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    let before = {
                        let mut all = kept.lock().unwrap();
                        all.push(request.clone());
                        all.len() - 1
                    };
                    write(stream, rule(before, &request));
                });
            }
        });
        Self { port, asked }
    }

    /// Always the same.
    pub(crate) fn always(answer: Answer) -> Self {
        Self::new(move |_, _| answer.clone())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The operations that it was asked, in their order.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.operation).collect()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
    };
    let mut body = vec![0; header("content-length").and_then(|len| len.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let operation = header("x-amz-target").unwrap_or_default().rsplit('.').next().unwrap_or_default().to_owned();
    Some(Asked { operation, fields: serde_json::from_slice(&body).unwrap_or_default(), head })
}

fn write(mut stream: TcpStream, answer: Answer) {
    match answer {
        Answer::Reply(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(b"\r\n"));
            let _ = stream.write_all(&body);
        }
        Answer::Bytes(bytes) => drop(stream.write_all(&bytes)),
        Answer::Flood => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"KeyId\":\"");
            while stream.write_all(&[b'a'; 65_536]).is_ok() {}
        }
        Answer::Never => drop(stream.read_to_end(&mut Vec::new())),
        Answer::Late(pause, answer) => {
            std::thread::sleep(pause);
            write(stream, *answer);
        }
    }
}
