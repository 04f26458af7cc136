//! Reads the connection URL: what `tokio_postgres` knows goes there, the words of libpq about TLS stay here.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use zeroize::Zeroizing;

use crate::Error;

/// How much is asked of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// No TLS.
    Plain,
    /// Nothing: keeps listeners out, not impostors.
    Anyone,
    /// A known authority issued it.
    Authority,
    /// And it names this host.
    Full,
}

/// Where the database is.
pub(crate) struct Address {
    pub(crate) config: Config,
    pub(crate) trust: Trust,
    /// Authorities in a PEM file; none: those of the system.
    pub(crate) roots: Option<PathBuf>,
}

/// Most bytes of a connection URL.
const URL_MAX: usize = 16 * 1024;
/// The name that the database shows for our sessions.
const APPLICATION: &str = "innkeeper";

impl Address {
    /// Errors never repeat any of the text, because a misplaced piece of it may be the password.
    pub(crate) fn read(url: &str, connect_timeout: Duration) -> Result<Self, Error> {
        let invalid = || Error::Settings(format!("connection_url must be {FORM}"));
        if url.is_empty() || url.len() > URL_MAX {
            return Err(invalid());
        }
        let (rest, words) = split(url).ok_or_else(invalid)?;
        let mut config = Config::from_str(&rest).map_err(|_| invalid())?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(Error::Settings("connection_url names no host".into()));
        }
        let roots = words.roots.filter(|file| file != "system").map(PathBuf::from);
        let (mode, trust) = match (words.mode.as_deref().unwrap_or("prefer"), roots.is_some()) {
            ("disable", _) => (SslMode::Disable, Trust::Plain),
            ("prefer", _) => (SslMode::Prefer, Trust::Anyone),
            ("require", false) => (SslMode::Require, Trust::Anyone),
            ("require", true) | ("verify-ca", _) => (SslMode::Require, Trust::Authority),
            ("verify-full", _) => (SslMode::Require, Trust::Full),
            _ => {
                let modes = "disable, prefer, require, verify-ca or verify-full";
                return Err(Error::Settings(format!("sslmode in connection_url must be {modes}")));
            }
        };
        config.ssl_mode(mode);
        config.connect_timeout(config.get_connect_timeout().copied().unwrap_or(connect_timeout).min(connect_timeout));
        if config.get_application_name().is_none() {
            config.application_name(APPLICATION);
        }
        // A peer that is gone is noticed although nothing is asked.
        config.keepalives_idle(config.get_keepalives_idle().min(Duration::from_secs(30)));
        Ok(Self { config, trust, roots })
    }
}

const FORM: &str = "postgres://user:password@host:5432/database?sslmode=verify-full or words like host=… user=…, with \
    options that are known and special characters of the password percent-encoded";

#[derive(Default)]
struct Words {
    mode: Option<String>,
    roots: Option<String>,
}

impl Words {
    /// Takes a word that is ours; says whether it was.
    fn take(&mut self, name: &str, value: &str) -> bool {
        match name {
            "sslmode" => self.mode = Some(value.to_owned()),
            "sslrootcert" => self.roots = Some(value.to_owned()),
            _ => return false,
        }
        true
    }
}

fn split(url: &str) -> Option<(Zeroizing<String>, Words)> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") { split_url(url) } else { split_words(url) }
}

fn split_url(url: &str) -> Option<(Zeroizing<String>, Words)> {
    let mut words = Words::default();
    // A password may have a `?` in it.
    let host = url.find('@').unwrap_or(0);
    let Some(query) = url[host..].find('?').map(|at| host + at) else {
        return Some((Zeroizing::new(url.to_owned()), words));
    };
    let mut rest = Zeroizing::new(url[..query].to_owned());
    let mut mark = '?';
    for pair in url[query + 1..].split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value).decode_utf8().ok()?;
        if !words.take(name, &value) {
            rest.push(mark);
            rest.push_str(pair);
            mark = '&';
        }
    }
    Some((rest, words))
}

/// `name = value` or `name = 'value'` with `\'` and `\\`, as libpq reads them.
fn split_words(text: &str) -> Option<(Zeroizing<String>, Words)> {
    let (mut rest, mut words) = (Zeroizing::new(String::new()), Words::default());
    let mut left = text.trim_start();
    while !left.is_empty() {
        let (name, after) = left.split_once('=')?;
        let (value, after) = word(after.trim_start())?;
        let name = name.trim();
        if !words.take(name, &value) {
            let quoted = Zeroizing::new(value.replace('\\', "\\\\").replace('\'', "\\'"));
            rest.push_str(name);
            rest.push_str("='");
            rest.push_str(&quoted);
            rest.push_str("' ");
        }
        left = after.trim_start();
    }
    Some((rest, words))
}

fn word(text: &str) -> Option<(Zeroizing<String>, &str)> {
    let quoted = text.starts_with('\'');
    let mut value = Zeroizing::new(String::new());
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next()?.1),
            '\'' if quoted => return Some((value, &text[at + 1..])),
            _ if !quoted && character.is_whitespace() => return Some((value, &text[at..])),
            _ => value.push(character),
        }
    }
    (!quoted).then_some((value, ""))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::{Address, Trust};
    use crate::Error;

    fn read(url: &str) -> Result<Address, Error> {
        Address::read(url, Duration::from_secs(5))
    }

    #[test]
    fn both_forms_say_the_same() {
        let url =
            "postgres://ada:pass%20word%27@db.example:5433/house?sslmode=verify-full&sslrootcert=%2Fetc%2Froot.pem";
        let words = r"host=db.example port = 5433 user=ada password='pass word\'' dbname=house sslmode=verify-full
            sslrootcert='/etc/root.pem'";
        for text in [url, words] {
            let address = read(text).unwrap();
            assert_eq!(address.config.get_password(), Some(&b"pass word'"[..]));
            assert_eq!((address.config.get_ports(), address.config.get_dbname()), (&[5433][..], Some("house")));
            assert_eq!((address.trust, address.roots.as_deref()), (Trust::Full, Some(Path::new("/etc/root.pem"))));
        }
    }

    #[test]
    fn sslmode_means_what_it_means_to_libpq() {
        let trust = |options: &str| read(&format!("postgres://h/d?{options}")).unwrap().trust;
        assert_eq!(trust("sslmode=disable"), Trust::Plain);
        assert_eq!(trust(""), Trust::Anyone);
        assert_eq!(trust("sslmode=require"), Trust::Anyone);
        assert_eq!(trust("sslmode=require&sslrootcert=/r"), Trust::Authority);
        assert_eq!(trust("sslmode=verify-ca&sslrootcert=system"), Trust::Authority);
        assert_eq!(trust("connect_timeout=3&sslmode=verify-full"), Trust::Full);
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_repeating_it() {
        for bad in [
            "",
            "postgres://",
            "opensesame",
            "postgres://ada:opensesame?x=1@h/d?opensesame",
            "postgres://ada:open/sesame@h:opensesame/d",
            "host=h password='opensesame",
            "host=h opensesame=1",
            "postgres://ada:opensesame@h/d?sslmode=opensesame",
            "postgres://ada:opensesame@h/d?sslmode=allow",
            "postgres://ada:opensesame@h/d?sslcert=/x",
        ] {
            let Err(Error::Settings(text)) = read(bad) else { panic!("{bad} was taken") };
            assert!(!text.contains("sesame"), "{text}");
        }
    }
}
