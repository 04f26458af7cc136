//! `operator generate-root`.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::quorum::{give, nonce, pgp_key, sent, share};
use crate::client::Ask;
use crate::output::{one_line, pairs, words};
use crate::session::{Act, Exit, Session, put};
use crate::{Error, input};

/// Servers leave the padding out, or do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

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
        if let Some(encoded) = &self.decode {
            let encoded = session.terminal.given(Some(encoded))?.unwrap_or_default();
            let otp = match self.otp()? {
                Some(otp) => otp,
                None => session.terminal.hidden("One-time password")?,
            };
            let token = decoded(&encoded, &otp)?;
            return session.show_as(&json!({ "token": token.as_str() }), |_| one_line(&token));
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
