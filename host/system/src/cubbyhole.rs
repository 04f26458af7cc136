//! `cubbyhole/`: what a token keeps for itself. It ends with the token, and nobody else reaches it.

use model::{Fault, Operation, Reply, TokenKind};
use serde_json::json;
use serde_json::value::RawValue;
use storage::Drawer;

use crate::{Call, unsupported};

/// Longest path of an entry, in bytes: what storage takes as a key.
const PATH_MAX: usize = 500;
/// Longest segment of a path, in bytes: the same.
const SEGMENT_MAX: usize = 255;
/// Largest entry, in bytes.
const ENTRY_MAX: usize = 512 * 1024;

pub(crate) async fn at(call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    let principal = call.admitted.principal().ok_or_else(Fault::denied)?;
    if principal.kind == TokenKind::Batch {
        return Err(Fault::invalid("cubbyhole operations are only supported by \"service\" type tokens"));
    }
    let drawer = access::cubbyhole(principal.key());
    let path = path.trim_matches('/');
    check(path)?;
    match call.operation {
        Operation::List => list(call, &drawer, path).await,
        _ if path.is_empty() => Err(Fault::invalid("missing path")),
        Operation::Read => read(call, &drawer, path).await,
        Operation::Create | Operation::Update => write(call, &drawer, path),
        Operation::Delete => {
            call.transaction.delete(&drawer, path)?;
            Ok(Reply::nothing())
        }
        Operation::Patch => Err(unsupported()),
    }
}

async fn read(call: Call<'_>, drawer: &Drawer, path: &str) -> Result<Reply, Fault> {
    let entry: Option<Box<RawValue>> = call.transaction.get_json(drawer, path).await?;
    entry.map_or_else(|| Err(Fault::absent()), |entry| Reply::data(&entry))
}

fn write(mut call: Call<'_>, drawer: &Drawer, path: &str) -> Result<Reply, Fault> {
    if call.body.is_empty() {
        return Err(Fault::invalid("missing data fields"));
    }
    let entry = call.sent()?;
    if entry.get().len() > ENTRY_MAX {
        return Err(Fault::new(model::Kind::TooLarge, "an entry of a cubbyhole has at most 512 KiB"));
    }
    call.transaction.put_json(drawer, path, &entry)?;
    Ok(Reply::nothing())
}

async fn list(call: Call<'_>, drawer: &Drawer, path: &str) -> Result<Reply, Fault> {
    let folder = if path.is_empty() { String::new() } else { format!("{path}/") };
    let keys = call.transaction.names(drawer, &folder).await?;
    if keys.is_empty() { Err(Fault::absent()) } else { Reply::data(&json!({ "keys": keys })) }
}

fn check(path: &str) -> Result<(), Fault> {
    model::relative_path("path", path).map_err(|e| Fault::invalid(e.to_string()))?;
    if path.len() > PATH_MAX || path.split('/').any(|segment| segment.len() > SEGMENT_MAX) {
        return Err(Fault::invalid("path: must have at most 500 bytes, and each segment of it at most 255"));
    }
    Ok(())
}
