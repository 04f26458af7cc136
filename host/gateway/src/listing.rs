//! Cuts listings to what a policy lets its holder see at once.

use model::{Fault, Payload, Reply};
use serde_json::value::to_raw_value;
use serde_json::{Map, Value};

/// The same answer with at most so many names.
pub(crate) fn cut(mut reply: Reply, most: u64) -> Result<Reply, Fault> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    match &mut reply.payload {
        Payload::Data(data) => {
            let mut fields = serde_json::from_str(data.get()).unwrap_or_default();
            if shorten(&mut fields, most) {
                let failed = |e| Fault::internal(format!("an answer does not serialise: {e}"));
                *data = to_raw_value(&fields).map_err(failed)?;
            }
        }
        Payload::Flattened(fields) => drop(shorten(fields, most)),
        _ => {}
    }
    Ok(reply)
}

/// Leaves the names behind the first ones away, with what is told of them; whether there were any.
fn shorten(fields: &mut Map<String, Value>, most: usize) -> bool {
    let Some(Value::Array(keys)) = fields.get_mut("keys") else { return false };
    if keys.len() <= most {
        return false;
    }
    let gone = keys.split_off(most);
    if let Some(Value::Object(told)) = fields.get_mut("key_info") {
        for name in gone.iter().filter_map(Value::as_str) {
            told.remove(name);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_beyond_the_bound_go_with_what_is_told_of_them() {
        let listing = json!({"keys": ["a", "b", "c"], "key_info": {"a": 1, "b": 2, "c": 3}, "more": true});
        let reply = cut(Reply::data(&listing).unwrap(), 2).unwrap();
        let Payload::Data(data) = reply.payload else { panic!("another payload") };
        let left: Value = serde_json::from_str(data.get()).unwrap();
        assert_eq!(left, json!({"keys": ["a", "b"], "key_info": {"a": 1, "b": 2}, "more": true}));
        let reply = cut(Reply::data(&listing).unwrap(), 3).unwrap();
        let Payload::Data(data) = reply.payload else { panic!("another payload") };
        assert_eq!(serde_json::from_str::<Value>(data.get()).unwrap(), listing);
    }
}
