//! What a worker writes to its standard streams goes to the server's log, line by line and bounded.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

/// Longest line, in bytes; the rest of it is dropped.
const LINE_MAX: usize = 1024;
/// Most lines in one [`WINDOW`]; a library that prints more is cut short.
const LINES_MAX: u32 = 200;
/// The time over which lines are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// Reads until the worker is gone.
pub(super) fn pass_on(library: &str, from: impl Read) {
    let mut from = BufReader::new(from);
    let (mut began, mut count, mut dropped) = (Instant::now(), 0, 0_u64);
    while let Some(line) = next(&mut from) {
        if began.elapsed() >= WINDOW {
            if dropped > 0 {
                tracing::warn!(library, dropped, "the library printed more than is logged");
            }
            (began, count, dropped) = (Instant::now(), 0, 0);
        }
        if count < LINES_MAX {
            count += 1;
            log(library, &line);
        } else {
            dropped += 1;
        }
    }
}

/// The next line, cut and without control characters. `None` at the end.
fn next(from: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    loop {
        let chunk = match from.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return None,
        };
        if chunk.is_empty() && line.is_empty() {
            return None;
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let part = &chunk[..end.unwrap_or(chunk.len())];
        line.extend_from_slice(&part[..part.len().min(LINE_MAX - line.len())]);
        let (used, over) = (end.map_or(chunk.len(), |at| at + 1), end.is_some() || chunk.is_empty());
        from.consume(used);
        if over {
            let text = String::from_utf8_lossy(&line);
            return Some(text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect());
        }
    }
}

/// A line of the worker's own begins with its level; any other is the library's.
fn log(library: &str, line: &str) {
    let line = line.trim();
    let (level, rest) = line.split_once(' ').unwrap_or(("", line));
    match level {
        "" if rest.is_empty() => {}
        "ERROR" => tracing::error!(library, "worker: {}", rest.trim_start()),
        "WARN" => tracing::warn!(library, "worker: {}", rest.trim_start()),
        "INFO" => tracing::info!(library, "worker: {}", rest.trim_start()),
        "DEBUG" | "TRACE" => tracing::debug!(library, "worker: {}", rest.trim_start()),
        _ => tracing::info!(library, "the library prints: {line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_hold_no_control_characters() {
        let long = "x".repeat(100_000);
        let text = format!("one\n{long}\n\x1b[31mred\r\n\nlast");
        let mut from = BufReader::with_capacity(16, text.as_bytes());
        assert_eq!(next(&mut from).as_deref(), Some("one"));
        assert_eq!(next(&mut from).map(|line| line.len()), Some(LINE_MAX));
        assert_eq!(next(&mut from).as_deref(), Some(" [31mred "));
        assert_eq!(next(&mut from).as_deref(), Some(""));
        assert_eq!(next(&mut from).as_deref(), Some("last"));
        assert_eq!(next(&mut from), None);
    }
}
