//! Paths that mean nothing in version 2: clients of version 1 that came to the wrong mount.

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;

use super::absent;
use crate::place::Place;

/// Any path that no other route takes.
pub(crate) struct Stray;

/// The mount itself.
pub(crate) struct Root;

impl Place for Stray {
    const PREFIX: &'static str = "";

    fn read(request: &Request) -> Answer {
        Ok(astray(request))
    }

    fn list(request: &Request) -> Answer {
        Ok(astray(request))
    }

    fn update(request: &Request) -> Answer {
        Ok(astray(request))
    }

    fn delete(request: &Request) -> Answer {
        Ok(astray(request))
    }
}

impl Place for Root {
    const PREFIX: &'static str = "";

    fn list(request: &Request) -> Answer {
        Ok(astray(request))
    }
}

fn astray(request: &Request) -> Response {
    let hint = "Invalid path for a versioned K/V secrets engine. Values are below data/, facts about them below \
                metadata/. If using the Vault CLI, use 'vault kv' for this operation.";
    absent(request, Value::Null, &[hint])
}
