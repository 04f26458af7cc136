//! Rego's functions of time. Regorus has its own, which read the clock; there is none in a guest, so the moment of the
//! question is given to these.
//!
//! `time.now_ns`, `time.clock`, `time.date`, `time.weekday`, `time.parse_rfc3339_ns`, `time.parse_duration_ns`. Time zones
//! are those of the database that jiff brings.

use anyhow::{Result, anyhow};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use regorus::{Engine, Value};

/// Whatever is not an extension of this list does not know the time.
const FUNCTIONS: [(&str, fn(&Value) -> Result<Value>); 5] = [
    ("time.clock", clock),
    ("time.date", date),
    ("time.weekday", weekday),
    ("time.parse_rfc3339_ns", parse_rfc3339),
    ("time.parse_duration_ns", parse_duration),
];
const NOW: &str = "time.now_ns";

/// Gives the functions to an engine. `seconds` is now.
pub(crate) fn add(engine: &mut Engine, seconds: u64) -> Result<()> {
    let now = i64::try_from(seconds).map_err(|_| out_of_range())?;
    let now = Timestamp::from_second(now).map_err(|_| out_of_range())?.as_nanosecond();
    engine.add_extension(NOW.to_owned(), 0, Box::new(move |_: Vec<Value>| Ok(Value::from(now))))?;
    for (name, function) in FUNCTIONS {
        let called = move |arguments: Vec<Value>| {
            let argument = arguments.first().ok_or_else(|| anyhow!("{name} wants an argument"))?;
            function(argument).map_err(|error| anyhow!("{name}: {error}"))
        };
        engine.add_extension(name.to_owned(), 1, Box::new(called))?;
    }
    Ok(())
}

/// Is this one of them?
pub(crate) fn has(name: &str) -> bool {
    name == NOW || FUNCTIONS.iter().any(|(known, _)| *known == name)
}

fn clock(moment: &Value) -> Result<Value> {
    let moment = zoned(moment)?;
    Ok(numbers([moment.hour().into(), moment.minute().into(), moment.second().into()]))
}

fn date(moment: &Value) -> Result<Value> {
    let moment = zoned(moment)?;
    Ok(numbers([moment.year().into(), moment.month().into(), moment.day().into()]))
}

fn weekday(moment: &Value) -> Result<Value> {
    Ok(Value::from(match zoned(moment)?.weekday() {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }))
}

fn parse_rfc3339(text: &Value) -> Result<Value> {
    Ok(Value::from(text.as_string()?.parse::<Timestamp>()?.as_nanosecond()))
}

fn parse_duration(text: &Value) -> Result<Value> {
    Ok(Value::from(text.as_string()?.parse::<SignedDuration>()?.as_nanos()))
}

/// Nanoseconds, or a pair of them and the name of a time zone.
fn zoned(moment: &Value) -> Result<Zoned> {
    let (nanoseconds, zone) = match moment {
        Value::Array(pair) => match pair.as_slice() {
            [nanoseconds, zone] => (nanoseconds, zone.as_string()?.as_ref()),
            _ => return Err(anyhow!("wants nanoseconds, or a pair of them and a time zone")),
        },
        nanoseconds => (nanoseconds, ""),
    };
    let zone = if zone.is_empty() { TimeZone::UTC } else { TimeZone::get(zone)? };
    Ok(Timestamp::from_nanosecond(nanoseconds.as_i64()?.into())?.to_zoned(zone))
}

fn numbers(numbers: [i64; 3]) -> Value {
    Value::from(numbers.map(Value::from).to_vec())
}

fn out_of_range() -> anyhow::Error {
    anyhow!("a time out of range")
}
