//! `operator generate-root`.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::quorum::{give, nonce, pgp_key, sent, share};
use crate::client::Ask;
use crate::output::{self, Format, one_line, pairs, words};
use crate::session::{Act, Exit, Session, WELL, put};
use crate::terminal::Terminal;
use crate::{Error, input};

/// Servers leave the padding out, or do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Longest one-time password that is made, in letters.
const OTP_MAX: usize = 1024;

/// A root token.
#[derive(Debug, clap::Args)]
pub struct GenerateRoot {
    /// Begin. The server makes a one-time password, unless -otp or -pgp-key says how the token is hidden.
    #[arg(long)]
    pub init: bool,
    /// Give up what was begun.
    #[arg(long, conflicts_with = "init")]
    pub cancel: bool,
    /// Show how far it is.
    #[arg(long, conflicts_with_all = ["init", "cancel"])]
    pub status: bool,
    /// Show the token that this holds, with -otp; - for standard input. Needs no server.
    #[arg(long, value_name = "ENCODED")]
    pub decode: Option<String>,
    /// Make a one-time password for -init, and show it.
    #[arg(long, conflicts_with_all = ["init", "cancel", "status", "decode"])]
    pub generate_otp: bool,
    /// The one-time password, or @FILE.
    #[arg(long, value_name = "OTP")]
    pub otp: Option<String>,
    /// A file with a PGP key that the token is encrypted for.
    #[arg(long, value_name = "FILE", conflicts_with = "otp")]
    pub pgp_key: Option<String>,
    /// Which attempt the share is for, as -init and -status tell.
    #[arg(long, value_name = "NONCE")]
    pub nonce: Option<String>,
    /// A share, or - for standard input; it is asked for if it is not given.
    pub key: Option<String>,
}

impl Act for GenerateRoot {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        const ATTEMPT: &str = "sys/generate-root/attempt";
        if self.generate_otp {
            let status = session.data(Ask::get(ATTEMPT), "reading root generation status")?;
            let none = || Error::Unreadable("the server does not say how long a one-time password is".into());
            let length = status["otp_length"].as_u64().and_then(|length| usize::try_from(length).ok());
            let otp = one_time_password(length.filter(|length| *length <= OTP_MAX).ok_or_else(none)?)?;
            return session.show_as(&json!({ "otp": otp.as_str() }), |_| otp.as_str().to_owned());
        }
        if self.init {
            let mut fields = Map::new();
            put(&mut fields, "otp", self.otp()?.as_ref().map(sent));
            put(&mut fields, "pgp_key", self.pgp_key.as_deref().map(pgp_key).transpose()?);
            let status = session.data(Ask::put(ATTEMPT, &Value::Object(fields)), "initializing root generation")?;
            return session.show_as(&status, shown);
        }
        if self.cancel {
            let done = "Root token generation canceled (if it was started)";
            return session.order(Ask::delete(ATTEMPT), "canceling", done);
        }
        let status = session.data(Ask::get(ATTEMPT), "reading root generation status")?;
        if self.status {
            return session.show_as(&status, shown);
        }
        self.give(session, &status)
    }
}

impl GenerateRoot {
    /// Shows the token that was made.
    pub(super) fn decode(&self, terminal: &mut Terminal, format: Format) -> Result<Exit, Error> {
        let encoded = terminal.given(self.decode.as_deref())?.unwrap_or_default();
        let otp = match self.otp()? {
            Some(otp) => otp,
            None => terminal.hidden("One-time password")?,
        };
        let token = decoded(&encoded, &otp)?;
        output::reply(terminal, format, &json!({ "token": token.as_str() }), |_| one_line(&token))?;
        Ok(WELL)
    }

    fn otp(&self) -> Result<Option<SecretString>, Error> {
        self.otp.as_deref().map(input::secret).transpose()
    }

    fn give(&self, session: &mut Session<'_>, status: &Value) -> Result<Exit, Error> {
        if status["started"] != true {
            return Err(Error::Usage("no root token is being made: begin with -init".into()));
        }
        let nonce = nonce(self.nonce.as_deref(), self.key.as_deref(), status, "attempt")?;
        session.terminal.note(&format!("Making a root token with the nonce {}", one_line(&nonce)))?;
        let share = share(self.key.as_deref(), "Unseal Key", session)?;
        let answer = give(session, "sys/generate-root/update", &share, &nonce, "posting share")?;
        session.show_as(&answer, shown)
    }
}

/// As many letters and digits by chance.
fn one_time_password(length: usize) -> Result<Zeroizing<String>, Error> {
    const SIGNS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    let mut otp = Zeroizing::new(String::with_capacity(length));
    let mut byte = [0];
    while otp.len() < length {
        random.fill(&mut byte).map_err(|_| Error::Usage("this machine gives no random numbers".into()))?;
        // Bytes beyond all signs are thrown again: no sign comes oftener than others.
        if let Some(sign) = SIGNS.get(usize::from(byte[0] & 63)) {
            otp.push(char::from(*sign));
        }
    }
    Ok(otp)
}

fn shown(status: &Value) -> String {
    let row = |name: &str, field: &str| (name.to_owned(), words(&status[field]));
    let progress = format!("{}/{}", words(&status["progress"]), words(&status["required"]));
    let mut rows = vec![
        row("Nonce", "nonce"),
        row("Started", "started"),
        ("Progress".to_owned(), progress),
        row("Complete", "complete"),
    ];
    for (name, field) in [
        ("PGP Fingerprint", "pgp_fingerprint"),
        ("Encoded Token", "encoded_token"),
        ("OTP", "otp"),
        ("OTP Length", "otp_length"),
    ] {
        if status.get(field).is_some_and(|value| !value.is_null() && *value != "") {
            rows.push(row(name, field));
        }
    }
    pairs(&rows)
}

/// The token below a pad.
fn decoded(encoded: &str, otp: &SecretString) -> Result<Zeroizing<String>, Error> {
    use secrecy::ExposeSecret;
    let wrong = |text: &str| Error::Usage(format!("-decode: {text}"));
    let bytes = BASE64.decode(encoded.trim()).map(Zeroizing::new).map_err(|_| wrong("must be base64"))?;
    let otp = otp.expose_secret().as_bytes();
    if otp.len() != bytes.len() {
        return Err(wrong(&format!("the one-time password must have {} letters", bytes.len())));
    }
    let token: Vec<u8> = bytes.iter().zip(otp).map(|(byte, pad)| byte ^ pad).collect();
    let fits = "the one-time password does not fit: -init showed the right one";
    String::from_utf8(token).map(Zeroizing::new).map_err(|_| wrong(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_time_password_has_as_many_letters_as_are_wanted_and_is_never_the_same() {
        let (one, other) = (one_time_password(28).unwrap(), one_time_password(28).unwrap());
        assert!(one.len() == 28 && one.chars().all(|sign| sign.is_ascii_alphanumeric()), "{}", *one);
        assert_ne!(one, other);
    }

    #[test]
    fn a_token_comes_out_from_below_its_pad_with_or_without_padding() {
        let pad: Vec<u8> = b"hvs.token".iter().zip(b"abcdefghi").map(|(token, pad)| token ^ pad).collect();
        let otp = SecretString::from("abcdefghi");
        for encoded in [BASE64.encode(&pad), BASE64.encode(&pad).trim_end_matches('=').to_owned()] {
            assert_eq!(decoded(&encoded, &otp).unwrap().as_str(), "hvs.token");
        }
        assert!(decoded("!", &otp).is_err());
        let refused = decoded(&BASE64.encode(&pad), &SecretString::from("short")).unwrap_err();
        assert!(refused.to_string().contains("9 letters"), "{refused}");
    }
}
