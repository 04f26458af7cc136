//! What operators grant a mount's engine, as `sys/mounts/:path/tune` reads and shows it under `powers`.

use std::time::Duration;

use keys::Usage;
use model::Fault;
use outgoing::Method;
use serde_json::{Map, Value, json};
use tenancy::Powers;

use crate::params;

/// Most hosts of one mount.
const HOSTS_MAX: usize = 64;
/// Least memory that an engine can be given, in bytes: one page of WebAssembly.
const MEMORY_MIN: u64 = 64 << 10;
/// Least storage that an engine can be given, in bytes.
const STORAGE_MIN: u64 = 1024;
/// Most requests at once that can be said.
const CONCURRENCY_MAX: u64 = 10_000;

/// Takes what was sent. What is null goes back to what holds when nothing is said; what is absent stays.
pub(crate) fn take(powers: &mut Powers, body: &Map<String, Value>) -> Result<(), Fault> {
    let fields = match body.get("powers") {
        None => return Ok(()),
        Some(Value::Null) => {
            *powers = Powers::default();
            return Ok(());
        }
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err(Fault::invalid("powers: must be an object")),
    };
    for (name, value) in fields {
        let said = !value.is_null();
        match name.as_str() {
            "http_out" => powers.http_out = said.then(|| hosts(fields)).transpose()?,
            "http_out_methods" => powers.http_out_methods = said.then(|| methods(fields)).transpose()?,
            "http_out_ca_pem" => powers.http_out_ca_pem = authorities(fields)?,
            "http_out_size_max" => {
                powers.http_out_size_max = number(fields, name, 0, outgoing::ANSWER_MAX as u64)?;
            }
            "http_out_time_max" => powers.http_out_time_max = number(fields, name, 1, millis(outgoing::TIME_MAX))?,
            "managed_key_usages" => powers.managed_key_usages = said.then(|| usages(fields)).transpose()?,
            "memory_max" => powers.memory_max = number(fields, name, MEMORY_MIN, sandbox::MEMORY_MAX as u64)?,
            "cpu_time_max" => powers.cpu_time_max = number(fields, name, 1, millis(sandbox::CPU_MAX))?,
            "storage_max" => powers.storage_max = number(fields, name, STORAGE_MIN, u64::MAX >> 1)?,
            "concurrency_max" => powers.concurrency_max = number(fields, name, 1, CONCURRENCY_MAX)?,
            "log_lines_max" => powers.log_lines_max = number(fields, name, 0, sandbox::LOG_LINES_MAX.into())?,
            _ => {
                return Err(Fault::invalid(format!(
                    "powers: there is none of that name: {}; there are http_out, http_out_methods, http_out_ca_pem, \
                     http_out_size_max, http_out_time_max, managed_key_usages, memory_max, cpu_time_max, \
                     storage_max, concurrency_max and log_lines_max",
                    name.chars().take(64).collect::<String>()
                )));
            }
        }
    }
    Ok(())
}

fn hosts(fields: &Map<String, Value>) -> Result<Vec<String>, Fault> {
    let hosts = params::list(fields, "http_out")?.unwrap_or_default();
    if hosts.len() > HOSTS_MAX {
        return Err(Fault::invalid("powers.http_out: at most 64 hosts"));
    }
    let read = outgoing::Allowed::new(hosts.iter().map(String::as_str));
    read.map_err(|error| Fault::invalid(format!("powers.http_out: {error}")))?;
    Ok(hosts)
}

fn authorities(fields: &Map<String, Value>) -> Result<Option<String>, Fault> {
    let Some(pem) = params::text(fields, "http_out_ca_pem")? else { return Ok(None) };
    let wrong = |error: outgoing::Failure| Fault::invalid(format!("powers.http_out_{error}"));
    outgoing::check_authorities(pem).map_err(wrong)?;
    Ok(Some(pem.to_owned()))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A list of words of one kind, as they are written properly. `what` is what one of them is.
fn words<T: Copy>(
    fields: &Map<String, Value>,
    field: &str,
    what: &str,
    (all, name): (&[T], fn(T) -> &'static str),
    parse: fn(&str) -> Option<T>,
) -> Result<Vec<String>, Fault> {
    let words = params::list(fields, field)?.unwrap_or_default();
    let known = |word: &String| {
        let names = || all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ");
        let wrong = || Fault::invalid(format!("powers.{field}: {word:?} is not a {what}; use {}", names()));
        parse(word).map(|one| name(one).to_owned()).ok_or_else(wrong)
    };
    words.iter().map(known).collect()
}

fn methods(fields: &Map<String, Value>) -> Result<Vec<String>, Fault> {
    words(fields, "http_out_methods", "method", (&Method::ALL, Method::name), Method::parse)
}

fn usages(fields: &Map<String, Value>) -> Result<Vec<String>, Fault> {
    words(fields, "managed_key_usages", "usage", (&Usage::ALL, Usage::name), Usage::parse)
}

fn number(fields: &Map<String, Value>, name: &str, least: u64, most: u64) -> Result<Option<u64>, Fault> {
    let said = params::number(fields, name)?;
    if said.is_some_and(|said| !(least..=most).contains(&said)) {
        return Err(Fault::invalid(format!("powers.{name}: must be from {least} to {most}")));
    }
    Ok(said)
}

/// What was said.
pub(crate) fn shown(powers: &Powers) -> Value {
    let fields = [
        ("http_out", powers.http_out.as_ref().map(|hosts| json!(hosts))),
        ("http_out_methods", powers.http_out_methods.as_ref().map(|methods| json!(methods))),
        ("http_out_ca_pem", powers.http_out_ca_pem.as_deref().map(Value::from)),
        ("http_out_size_max", powers.http_out_size_max.map(Value::from)),
        ("http_out_time_max", powers.http_out_time_max.map(Value::from)),
        ("managed_key_usages", powers.managed_key_usages.as_ref().map(|usages| json!(usages))),
        ("memory_max", powers.memory_max.map(Value::from)),
        ("cpu_time_max", powers.cpu_time_max.map(Value::from)),
        ("storage_max", powers.storage_max.map(Value::from)),
        ("concurrency_max", powers.concurrency_max.map(Value::from)),
        ("log_lines_max", powers.log_lines_max.map(Value::from)),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>().into()
}
