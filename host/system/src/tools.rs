//! `sys/tools`: randomness and hashes for those who have none at hand.

use aws_lc_rs::digest::{self, Algorithm};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Fault, Operation, Reply};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{Call, params, unsupported};

/// Most random bytes in one answer.
const RANDOM_MAX: u64 = 128 * 1024;

/// `sys/tools/random[/:source][/:bytes]`.
pub(crate) fn random(call: &Call<'_>, path: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let (source, bytes) = of_random(path)?;
    let source = match source {
        Some(source) => source,
        None => params::text(&call.body, "source")?.unwrap_or_default(),
    };
    match source {
        // There is one generator, seeded by the system.
        "" | "platform" | "all" => {}
        "seal" => return Err(Fault::invalid("source: the seal gives no randomness; must be \"platform\" or \"all\"")),
        other => {
            let text =
                format!("unsupported entropy source {:?}; must be \"platform\" or \"seal\", or \"all\"", cut(other));
            return Err(Fault::invalid(text));
        }
    }
    let bytes = match bytes {
        Some(bytes) => bytes,
        None => params::number(&call.body, "bytes")?.unwrap_or(32),
    };
    if bytes < 1 {
        return Err(Fault::invalid("\"bytes\" cannot be less than 1"));
    }
    if bytes > RANDOM_MAX {
        return Err(Fault::invalid(format!("\"bytes\" should be less than {RANDOM_MAX}")));
    }
    let format = Format::of(call, Format::Base64)?;
    let mut random = Zeroizing::new(vec![0; usize::try_from(bytes).unwrap_or_default()]);
    SystemRandom::new().fill(&mut random).map_err(|_| Fault::internal("the system gives no randomness"))?;
    Reply::data(&json!({ "random_bytes": format.encode(&random) }))
}

/// The source and the number of bytes that a path names: a single segment that is a number is the bytes.
fn of_random(path: &str) -> Result<(Option<&str>, Option<u64>), Fault> {
    let count = |text: &str| {
        text.parse::<u64>().map_err(|_| Fault::invalid("error parsing url-supplied byte count: must be a whole number"))
    };
    match path.split('/').collect::<Vec<_>>()[..] {
        [""] => Ok((None, None)),
        [one @ ("platform" | "seal" | "all")] => Ok((Some(one), None)),
        [one] => Ok((None, Some(count(one)?))),
        [source, bytes] => Ok((Some(source), Some(count(bytes)?))),
        _ => Err(Fault::new(model::Kind::NotFound, "unsupported path")),
    }
}

/// `sys/tools/hash[/:algorithm]`.
pub(crate) fn hash(call: &Call<'_>, path: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let name = match path {
        "" => params::text(&call.body, "algorithm")?.filter(|name| !name.is_empty()).unwrap_or("sha2-256"),
        name => name,
    };
    let algorithm = algorithm(name).ok_or_else(|| Fault::invalid(format!("unsupported algorithm {}", cut(name))))?;
    let format = Format::of(call, Format::Hex)?;
    let input = params::text(&call.body, "input")?.unwrap_or_default();
    let input = STANDARD.decode(input).map(Zeroizing::new);
    let input = input.map_err(|error| Fault::invalid(format!("unable to decode input as base64: {error}")))?;
    Reply::data(&json!({ "sum": format.encode(digest::digest(algorithm, &input).as_ref()) }))
}

fn algorithm(name: &str) -> Option<&'static Algorithm> {
    Some(match name {
        "sha2-224" => &digest::SHA224,
        "sha2-256" => &digest::SHA256,
        "sha2-384" => &digest::SHA384,
        "sha2-512" => &digest::SHA512,
        "sha3-256" => &digest::SHA3_256,
        "sha3-384" => &digest::SHA3_384,
        "sha3-512" => &digest::SHA3_512,
        _ => return None,
    })
}

/// How bytes are written.
#[derive(Clone, Copy)]
enum Format {
    Base64,
    Hex,
}

impl Format {
    fn of(call: &Call<'_>, usual: Self) -> Result<Self, Fault> {
        match params::text(&call.body, "format")? {
            None | Some("") => Ok(usual),
            Some("base64") => Ok(Self::Base64),
            Some("hex") => Ok(Self::Hex),
            Some(other) => Err(Fault::invalid(format!(
                "unsupported encoding format {:?}; must be \"hex\" or \"base64\"",
                cut(other)
            ))),
        }
    }

    fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Base64 => STANDARD.encode(bytes),
            Self::Hex => hex::encode(bytes),
        }
    }
}

/// As much of a text as is worth repeating.
fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}
