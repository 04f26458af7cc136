//! Functions of Rego that Regorus has only where there is a clock, or randomness.
//!
//! - `time.now_ns`, which is the moment of the question, `time.clock`, `time.date`, `time.weekday`, `time.parse_rfc3339_ns`,
//!   `time.parse_duration_ns`. Time zones are those of the database that jiff brings.
//! - `net.cidr_contains`.

use std::net::IpAddr;

use anyhow::{Result, anyhow};
use ipnet::IpNet;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use regorus::{Engine, Value};

/// What a function comes to, given as many arguments as it wants.
type Function = fn(&[Value]) -> Result<Value>;

/// Their names, and how many arguments they want.
const FUNCTIONS: [(&str, u8, Function); 6] = [
    ("net.cidr_contains", 2, cidr_contains),
    ("time.clock", 1, clock),
    ("time.date", 1, date),
    ("time.weekday", 1, weekday),
    ("time.parse_rfc3339_ns", 1, parse_rfc3339),
    ("time.parse_duration_ns", 1, parse_duration),
];
const NOW: &str = "time.now_ns";

/// Gives the functions to an engine. `seconds` is now.
pub(crate) fn add(engine: &mut Engine, seconds: u64) -> Result<()> {
    let now = i64::try_from(seconds).map_err(|_| out_of_range())?;
    let now = Timestamp::from_second(now).map_err(|_| out_of_range())?.as_nanosecond();
    engine.add_extension(NOW.to_owned(), 0, Box::new(move |_: Vec<Value>| Ok(Value::from(now))))?;
    for (name, wants, function) in FUNCTIONS {
        let called = move |arguments: Vec<Value>| function(&arguments).map_err(|error| anyhow!("{name}: {error}"));
        engine.add_extension(name.to_owned(), wants, Box::new(called))?;
    }
    Ok(())
}

/// Is this one of them?
pub(crate) fn has(name: &str) -> bool {
    name == NOW || FUNCTIONS.iter().any(|(known, ..)| *known == name)
}

/// A network, and an address or a network that may lie in it.
fn cidr_contains(arguments: &[Value]) -> Result<Value> {
    let network = text(arguments, 0)?.parse::<IpNet>()?;
    let inner = text(arguments, 1)?;
    let contains = match inner.parse::<IpAddr>() {
        Ok(address) => network.contains(&address),
        Err(_) => network.contains(&inner.parse::<IpNet>()?),
    };
    Ok(Value::from(contains))
}

fn clock(arguments: &[Value]) -> Result<Value> {
    let moment = moment(arguments)?;
    Ok(numbers([moment.hour().into(), moment.minute().into(), moment.second().into()]))
}

fn date(arguments: &[Value]) -> Result<Value> {
    let moment = moment(arguments)?;
    Ok(numbers([moment.year().into(), moment.month().into(), moment.day().into()]))
}

fn weekday(arguments: &[Value]) -> Result<Value> {
    Ok(Value::from(match moment(arguments)?.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }))
}

fn parse_rfc3339(arguments: &[Value]) -> Result<Value> {
    Ok(Value::from(text(arguments, 0)?.parse::<Timestamp>()?.as_nanosecond()))
}

fn parse_duration(arguments: &[Value]) -> Result<Value> {
    Ok(Value::from(text(arguments, 0)?.parse::<SignedDuration>()?.as_nanos()))
}

/// Nanoseconds, or a pair of them and the name of a time zone.
fn moment(arguments: &[Value]) -> Result<DateTime> {
    let (nanoseconds, zone) = match argument(arguments, 0)? {
        Value::Array(pair) => match pair.as_slice() {
            [nanoseconds, zone] => (nanoseconds, zone.as_string()?.as_ref()),
            _ => return Err(anyhow!("wants nanoseconds, or a pair of them and a time zone")),
        },
        nanoseconds => (nanoseconds, ""),
    };
    let zone = if zone.is_empty() { TimeZone::UTC } else { TimeZone::get(zone)? };
    Ok(zone.to_datetime(Timestamp::from_nanosecond(nanoseconds.as_i64()?.into())?))
}

fn text(arguments: &[Value], at: usize) -> Result<&str> {
    Ok(argument(arguments, at)?.as_string()?)
}

fn argument(arguments: &[Value], at: usize) -> Result<&Value> {
    arguments.get(at).ok_or_else(|| anyhow!("an argument is missing"))
}

fn numbers(numbers: [i64; 3]) -> Value {
    Value::from(numbers.map(Value::from).to_vec())
}

fn out_of_range() -> anyhow::Error {
    anyhow!("a time out of range")
}
