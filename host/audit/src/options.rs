//! What a device is told when it is enabled.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Fault;

use crate::device::DEADLINE;

/// Longest path or address, in bytes.
const TARGET_MAX: usize = 1024;
/// Longest prefix, in bytes.
const PREFIX_MAX: usize = 32;
/// Longest tag of a syslog device, in bytes, as RFC 3164 has it.
const TAG_MAX: usize = 32;
/// Shortest and longest time that a socket may be given for one entry.
const WRITE_TIMEOUT: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(30));
/// Names of facilities by their numbers.
const FACILITIES: [(&str, u8); 20] = [
    ("KERN", 0),
    ("USER", 1),
    ("MAIL", 2),
    ("DAEMON", 3),
    ("AUTH", 4),
    ("SYSLOG", 5),
    ("LPR", 6),
    ("NEWS", 7),
    ("UUCP", 8),
    ("CRON", 9),
    ("AUTHPRIV", 10),
    ("FTP", 11),
    ("LOCAL0", 16),
    ("LOCAL1", 17),
    ("LOCAL2", 18),
    ("LOCAL3", 19),
    ("LOCAL4", 20),
    ("LOCAL5", 21),
    ("LOCAL6", 22),
    ("LOCAL7", 23),
];

/// How a device writes its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// Nothing is hashed.
    pub(crate) log_raw: bool,
    /// Accessors are hashed.
    pub(crate) hmac_accessor: bool,
    /// Answers to lists are counted, not written.
    pub(crate) elide_list_responses: bool,
    /// Before each line.
    pub(crate) prefix: String,
}

/// Where the lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Discard,
    Stdout,
    File {
        path: String,
        /// `None`: permissions stay as they are.
        mode: Option<u32>,
        fsync: bool,
    },
    Tcp(String),
    Udp(String),
    Unix(String),
    Syslog {
        facility: u8,
        tag: String,
    },
}

/// What the options say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) format: Format,
    pub(crate) target: Target,
    /// How long one entry may take.
    pub(crate) deadline: Duration,
}

/// The options that have not been read yet: what is left in the end is known to nobody.
struct Left<'a>(BTreeMap<&'a str, &'a str>);

impl Left<'_> {
    fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).map(str::to_owned).filter(|value| !value.is_empty())
    }

    fn flag(&mut self, name: &str, default: bool) -> Result<bool, Fault> {
        match self.take(name).as_deref() {
            None => Ok(default),
            Some("true" | "True" | "TRUE" | "t" | "T" | "1") => Ok(true),
            Some("false" | "False" | "FALSE" | "f" | "F" | "0") => Ok(false),
            Some(_) => Err(wrong(name, "must be true or false")),
        }
    }
}

impl Options {
    /// Reads the options of a device of this type.
    pub(crate) fn parse(kind: &str, given: &BTreeMap<String, String>) -> Result<Self, Fault> {
        let mut left = Left(given.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect());
        let format = format(&mut left)?;
        let (target, deadline) = match kind {
            "file" => (file(&mut left)?, DEADLINE),
            "socket" => socket(&mut left)?,
            "syslog" => (syslog(&mut left)?, DEADLINE),
            "" => return Err(Fault::invalid("type: missing; use file, socket or syslog")),
            _ => return Err(Fault::invalid("type: is not known; use file, socket or syslog")),
        };
        match left.0.keys().next() {
            None => Ok(Self { format, target, deadline }),
            Some(unknown) => {
                let shown: String = unknown.chars().take(model::NAME_MAX).collect();
                Err(Fault::invalid(format!("options: a {kind} device has no option {shown:?}")))
            }
        }
    }
}

fn format(left: &mut Left<'_>) -> Result<Format, Fault> {
    match left.take("format").as_deref() {
        None | Some("json") => {}
        Some("jsonx") => return Err(wrong("format", "jsonx is not written by this server; use json")),
        Some(_) => return Err(wrong("format", "must be json")),
    }
    let prefix = left.take("prefix").unwrap_or_default();
    // One word: a line that begins with several could be an instruction to whatever else reads the file.
    let is_word = |c: char| c.is_ascii_alphanumeric() || "@:_./=[]-".contains(c);
    if prefix.len() > PREFIX_MAX || !prefix.strip_suffix(' ').unwrap_or(&prefix).chars().all(is_word) {
        return Err(wrong(
            "prefix",
            "must be one word of at most 32 letters, digits and @:_./=[]-, which a space may end",
        ));
    }
    Ok(Format {
        log_raw: left.flag("log_raw", false)?,
        hmac_accessor: left.flag("hmac_accessor", true)?,
        elide_list_responses: left.flag("elide_list_responses", false)?,
        prefix,
    })
}

fn file(left: &mut Left<'_>) -> Result<Target, Fault> {
    let (named, short) = (left.take("file_path"), left.take("path"));
    let path = named.or(short).ok_or_else(|| wrong("file_path", "missing; use an absolute path, stdout or discard"))?;
    let (mode, fsync) = (left.take("mode"), left.flag("fsync", false)?);
    let mode = match mode.as_deref().unwrap_or("0600") {
        mode if !mode.is_empty() && mode.bytes().all(|digit| digit == b'0') => None,
        mode => Some(octal(mode)?),
    };
    match path.as_str() {
        "stdout" => Ok(Target::Stdout),
        "discard" => Ok(Target::Discard),
        _ => Ok(Target::File { path: absolute("file_path", path)?, mode, fsync }),
    }
}

/// Permissions that do not let anybody run what is written here.
fn octal(mode: &str) -> Result<u32, Fault> {
    let parsed = u32::from_str_radix(mode.trim_start_matches("0o"), 8).ok();
    let parsed = parsed.filter(|mode| mode & !0o666 == 0 && mode & 0o200 != 0);
    parsed.ok_or_else(|| {
        wrong("mode", "must be permissions in octal that let the owner write and nobody execute, such as 0600")
    })
}

fn absolute(option: &str, path: String) -> Result<String, Fault> {
    let body = path.strip_prefix('/').filter(|body| !body.is_empty() && path.len() <= TARGET_MAX);
    let is_plain = |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains(char::is_control);
    if body.is_some_and(|body| body.split('/').all(is_plain)) {
        return Ok(path);
    }
    Err(wrong(option, "must be an absolute path to a file, without '.', '..' or empty segments, of at most 1024 bytes"))
}

fn socket(left: &mut Left<'_>) -> Result<(Target, Duration), Fault> {
    let address = left.take("address").ok_or_else(|| wrong("address", "missing"))?;
    let time = match left.take("write_timeout") {
        None => DEADLINE,
        Some(text) => duration(&text).ok_or_else(|| {
            wrong("write_timeout", "must be a duration such as \"2s\" or \"500ms\", from 10 ms to 30 s")
        })?,
    };
    let target = match left.take("socket_type").as_deref().unwrap_or("tcp") {
        "tcp" => Target::Tcp(network(address)?),
        "udp" => Target::Udp(network(address)?),
        "unix" => Target::Unix(absolute("address", address)?),
        _ => return Err(wrong("socket_type", "must be tcp, udp or unix")),
    };
    Ok((target, time))
}

fn network(address: String) -> Result<String, Fault> {
    let parts = address.rsplit_once(':').filter(|(host, _)| !host.is_empty() && address.len() <= TARGET_MAX);
    let port = parts.and_then(|(_, port)| port.parse::<u16>().ok()).filter(|port| *port != 0);
    let is_visible = address.bytes().all(|byte| byte.is_ascii_graphic());
    if port.is_some() && is_visible { Ok(address) } else { Err(wrong("address", "must be host:port")) }
}

/// Seconds, or a number with `ms` or `s`.
fn duration(text: &str) -> Option<Duration> {
    let number = |text: &str| text.parse::<u64>().ok();
    let time = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(millis), _) => Duration::from_millis(number(millis)?),
        (None, Some(seconds)) => Duration::from_secs(number(seconds)?),
        (None, None) => Duration::from_secs(number(text)?),
    };
    (WRITE_TIMEOUT.0..=WRITE_TIMEOUT.1).contains(&time).then_some(time)
}

fn syslog(left: &mut Left<'_>) -> Result<Target, Fault> {
    let facility = left.take("facility").unwrap_or_else(|| "AUTH".to_owned()).to_ascii_uppercase();
    let known = FACILITIES.iter().find(|(name, _)| *name == facility);
    let known = known.ok_or_else(|| wrong("facility", "must be the name of a facility, such as AUTH or LOCAL0"))?;
    let tag = left.take("tag").unwrap_or_else(|| "innkeeper".to_owned());
    if tag.len() > TAG_MAX || !tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)) {
        return Err(wrong("tag", "must be at most 32 letters, digits, '_', '-' and '.'"));
    }
    Ok(Target::Syslog { facility: known.1, tag })
}

fn wrong(option: &str, why: &str) -> Fault {
    Fault::invalid(format!("options: {option}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(kind: &str, options: &[(&str, &str)]) -> Result<Options, Fault> {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Options::parse(kind, &options)
    }

    #[test]
    fn a_file_is_closed_to_others_and_hashed_unless_told_otherwise() {
        let options = parsed("file", &[("file_path", "/var/log/audit.log")]).unwrap();
        assert!(!options.format.log_raw && options.format.hmac_accessor && !options.format.elide_list_responses);
        let target = Target::File { path: "/var/log/audit.log".into(), mode: Some(0o600), fsync: false };
        assert_eq!(options.target, target);
        let left = parsed("file", &[("path", "/a/b"), ("mode", "0000"), ("log_raw", "1")]).unwrap();
        assert_eq!(left.target, Target::File { path: "/a/b".into(), mode: None, fsync: false });
        assert!(left.format.log_raw);
    }

    #[test]
    fn options_that_are_wrong_or_unknown_are_refused_by_name() {
        for (kind, options, named) in [
            ("file", &[][..], "file_path"),
            ("file", &[("file_path", "relative.log")], "file_path"),
            ("file", &[("file_path", "/var/../etc/x")], "file_path"),
            ("file", &[("file_path", "/var/log/")], "file_path"),
            ("file", &[("file_path", "/x"), ("mode", "0755")], "mode"),
            ("file", &[("file_path", "/x"), ("mode", "4600")], "mode"),
            ("file", &[("file_path", "/x"), ("mode", "0444")], "mode"),
            ("file", &[("file_path", "/x"), ("mode", "u+w")], "mode"),
            ("file", &[("file_path", "/x"), ("format", "jsonx")], "jsonx"),
            ("file", &[("file_path", "/x"), ("log_raw", "maybe")], "log_raw"),
            ("file", &[("file_path", "/x"), ("prefix", "#!/bin/sh\n")], "prefix"),
            ("file", &[("file_path", "/x"), ("prefix", "1 1 1 1 1 root ")], "prefix"),
            ("file", &[("file_path", "/x"), ("filter", "a")], "filter"),
            ("file", &[("file_path", "/x"), ("address", "a:1")], "address"),
            ("socket", &[], "address"),
            ("socket", &[("address", "nowhere")], "address"),
            ("socket", &[("address", "a:0")], "address"),
            ("socket", &[("address", "a:1"), ("socket_type", "sctp")], "socket_type"),
            ("socket", &[("address", "a:1"), ("write_timeout", "1h")], "write_timeout"),
            ("syslog", &[("facility", "NONE")], "facility"),
            ("syslog", &[("tag", "a b")], "tag"),
            ("kafka", &[], "type"),
            ("", &[], "type"),
        ] {
            let refused = parsed(kind, options).unwrap_err().to_string();
            assert!(refused.contains(named), "{options:?}: {refused}");
        }
    }

    #[test]
    fn sockets_and_syslog_have_their_defaults() {
        let socket = parsed("socket", &[("address", "[::1]:9090"), ("write_timeout", "500ms")]).unwrap();
        assert_eq!((socket.target, socket.deadline), (Target::Tcp("[::1]:9090".into()), Duration::from_millis(500)));
        let syslog = parsed("syslog", &[]).unwrap();
        assert_eq!(syslog.target, Target::Syslog { facility: 4, tag: "innkeeper".into() });
    }
}
