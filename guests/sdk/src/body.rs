//! Request bodies: plain structs that say what each field is for.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

pub use crate::bindings::exports::innkeeper::engine::engine::FieldKind;

/// One field of a body, for help texts, OpenAPI and warnings of names that no field has. Made by [`crate::body!`].
#[derive(Clone, Copy)]
pub struct Field {
    /// Its name in JSON.
    pub name: &'static str,
    /// Its shape.
    pub kind: FieldKind,
    /// What it is for.
    pub about: &'static str,
    /// Its default as Rust wrote it; empty when it is the type's own (empty, zero, false, absent).
    pub default: &'static str,
}

/// A type that a field can have.
pub trait Shape {
    /// The shape that help texts show.
    const KIND: FieldKind;
}

macro_rules! shapes {
    ($($type:ty => $kind:ident),* $(,)?) => { $(impl Shape for $type { const KIND: FieldKind = FieldKind::$kind; })* };
}

shapes! {
    String => Text, bool => Boolean, i64 => Integer, u64 => Integer, i32 => Integer, u32 => Integer, u16 => Integer,
    u8 => Integer, usize => Integer, Seconds => Duration, Vec<String> => TextList, BTreeMap<String, String> => TextMap,
    serde_json::Value => Any, Vec<serde_json::Value> => Any, Map => Any,
}

impl<T: Shape> Shape for Option<T> {
    const KIND: FieldKind = T::KIND;
}

/// A JSON object of anything.
pub type Map = serde_json::Map<String, serde_json::Value>;

/// A duration in whole seconds. Reads a number, a number as text, or numbers with units as Go writes them (`90s`,
/// `1h30m`, `72h`), and also days (`30d`). Writes a number. Negative durations are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Seconds(pub u64);

/// Longest duration that is taken, so that adding one to the time of day cannot overflow: about 10 000 years.
const SECONDS_MAX: u64 = 10_000 * 366 * 24 * 3600;

impl Seconds {
    /// Reads the text forms; an empty text is zero.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Some(Self(0));
        }
        if let Ok(seconds) = text.parse::<u64>() {
            return Self::bounded(seconds as f64);
        }
        let mut total = 0.0;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let number: f64 = rest[..digits].parse().ok()?;
            let (unit, length) = unit(&rest[digits..])?;
            total += number * unit;
            rest = &rest[digits + length..];
        }
        Self::bounded(total)
    }

    fn bounded(seconds: f64) -> Option<Self> {
        (0.0..=SECONDS_MAX as f64).contains(&seconds).then_some(Self(seconds as u64))
    }
}

/// The unit that a text begins with, in seconds, and its length in bytes.
fn unit(text: &str) -> Option<(f64, usize)> {
    const UNITS: [(&str, f64); 8] = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("d", 86_400.0),
    ];
    UNITS.iter().find(|(name, _)| text.starts_with(name)).map(|(name, seconds)| (*seconds, name.len()))
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Seconds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration: seconds, or a number with a unit such as \"90s\", \"72h\" or \"30d\"")
            }
            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Seconds, E> {
                Seconds::bounded(seconds as f64)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(seconds), &self))
            }
            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Seconds, E> {
                Seconds::bounded(seconds as f64).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(seconds), &self))
            }
            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Seconds, E> {
                Seconds::bounded(seconds).ok_or_else(|| E::invalid_value(de::Unexpected::Float(seconds), &self))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Seconds, E> {
                Seconds::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// Makes a request body: a struct whose doc comments are also the help text of the API.
///
/// Every field may be left out: it then has the default written after `=`, else its type's own. A field whose absence
/// matters is an `Option`. The struct implements `Deserialize`, `Default` and `Clone`, and what a `#[derive(…)]` after
/// the doc comment adds, and has a constant `FIELDS`.
#[macro_export]
macro_rules! body {
    ($(
        $(#[doc = $about:literal])*
        $(#[derive($($derive:path),+ $(,)?)])?
        $vis:vis struct $name:ident {
            $( $(#[doc = $doc:literal])* $fvis:vis $field:ident : $type:ty $(= $default:expr)? ),* $(,)?
        }
    )*) => {$(
        $(#[doc = $about])*
        #[derive(Clone, $crate::serde::Deserialize $($(, $derive)+)?)]
        #[serde(default, crate = "innkeeper_guest::serde")]
        $vis struct $name {
            $( $(#[doc = $doc])* $fvis $field: $type, )*
        }

        impl ::core::default::Default for $name {
            fn default() -> Self {
                Self { $( $field: $crate::body!(@default $($default)?), )* }
            }
        }

        impl $name {
            /// What each field is for.
            $vis const FIELDS: &'static [$crate::Field] = &[$(
                $crate::Field {
                    name: stringify!($field),
                    kind: <$type as $crate::Shape>::KIND,
                    about: concat!($($doc),*),
                    default: $crate::body!(@text $($default)?),
                },
            )*];
        }
    )*};
    (@default) => { ::core::default::Default::default() };
    (@default $default:expr) => { $default };
    (@text) => { "" };
    (@text $default:expr) => { stringify!($default) };
}

/// A type that stands for names under which clients of earlier days send fields: `NAMES` for
/// [`Sent::with_older_names`](crate::Sent::with_older_names), and `FIELDS` for the action that takes them.
#[macro_export]
macro_rules! older {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($old:ident: $new:ident),+ $(,)? }) => {
        $(#[$meta])*
        $vis struct $name;

        impl $name {
            /// Each older name, with the name of today.
            $vis const NAMES: &'static [(&'static str, &'static str)] = &[$((stringify!($old), stringify!($new))),+];
            /// What each field is for.
            $vis const FIELDS: &'static [$crate::Field] = &[$(
                $crate::Field {
                    name: stringify!($old),
                    kind: $crate::FieldKind::Any,
                    about: concat!("An older name of `", stringify!($new), "`; where both are sent, that one counts."),
                    default: "",
                },
            )+];
        }
    };
}

/// A type that stands for fields which clients may send and which have no effect: `FIELDS` for the action that takes them
/// says so, and why.
#[macro_export]
macro_rules! idle {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($field:ident),+ $(,)? } $why:literal) => {
        $(#[$meta])*
        $vis struct $name;

        impl $name {
            /// What each field is for.
            $vis const FIELDS: &'static [$crate::Field] = &[$(
                $crate::Field {
                    name: stringify!($field),
                    kind: $crate::FieldKind::Any,
                    about: concat!("Has no effect: ", $why),
                    default: "",
                },
            )+];
        }
    };
}

/// The `FIELDS` of several bodies in one list, for an action that reads them all.
#[macro_export]
macro_rules! fields {
    ($($body:ty),+ $(,)?) => {{
        const GROUPS: &[&[$crate::Field]] = &[$(<$body>::FIELDS),+];
        const ALL: [$crate::Field; $crate::count(GROUPS)] = $crate::join(GROUPS);
        &ALL
    }};
}

/// How many fields there are in all.
#[doc(hidden)]
pub const fn count(groups: &[&[Field]]) -> usize {
    let (mut total, mut group) = (0, 0);
    while group < groups.len() {
        total += groups[group].len();
        group += 1;
    }
    total
}

/// The fields of all groups, in order. `N` is their count.
#[doc(hidden)]
pub const fn join<const N: usize>(groups: &[&[Field]]) -> [Field; N] {
    let mut all = [Field { name: "", kind: FieldKind::Any, about: "", default: "" }; N];
    let (mut at, mut group) = (0, 0);
    while group < groups.len() {
        let mut field = 0;
        while field < groups[group].len() {
            all[at] = groups[group][field];
            at += 1;
            field += 1;
        }
        group += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{Map, Seconds};
    use crate::Request;
    use serde_json::json;

    // The macro names this crate as its users do.
    use crate as innkeeper_guest;

    crate::body! {
        /// A body.
        struct Body {
            /// A text.
            text: String,
            /// A flag that is on unless switched off.
            flag: bool = true,
            /// A number.
            number: i64,
            /// Texts.
            list: Vec<String>,
            /// A time.
            ttl: Option<Seconds>,
            /// Pairs.
            pairs: Map,
        }
    }

    fn read(body: serde_json::Value) -> Result<Body, String> {
        let _ = innkeeper_guest::Seconds(0);
        Request::for_test(&[], &body).body::<Body>().map_err(|fault| fault.messages.concat())
    }

    #[test]
    fn what_is_left_out_or_null_has_its_default() {
        for body in [json!({}), json!({"flag": null, "ttl": null, "list": null})] {
            let body = read(body).unwrap();
            assert!(
                body.flag && body.text.is_empty() && body.number == 0 && body.list.is_empty() && body.ttl.is_none()
            );
        }
    }

    #[test]
    fn text_stands_for_booleans_numbers_lists_and_durations() {
        let body =
            read(json!({"flag": "false", "number": "-7", "list": "a, b,,c", "ttl": "1h30m", "text": 5})).unwrap();
        assert!(!body.flag);
        assert_eq!(body.number, -7);
        assert_eq!(body.list, ["a", "b", "c"]);
        assert_eq!(body.ttl, Some(Seconds(5400)));
        assert_eq!(body.text, "5");
    }

    #[test]
    fn a_wrong_value_is_refused_with_the_name_of_its_field() {
        for (body, field) in [
            (json!({"flag": "perhaps"}), "flag"),
            (json!({"number": "x"}), "number"),
            (json!({"number": {}}), "number"),
            (json!({"ttl": "-5s"}), "ttl"),
            (json!({"ttl": "5 parsecs"}), "ttl"),
            (json!({"text": ["a"]}), "text"),
            (json!({"list": {"a": 1}}), "list"),
        ] {
            let error = read(body.clone()).err().unwrap_or_else(|| panic!("{body} was accepted"));
            assert!(error.starts_with(field), "{body}: {error}");
        }
    }

    #[test]
    fn text_stands_for_pairs_only_if_all_of_it_is_pairs() {
        for (text, pairs) in [("a=b, c = d=e,", json!({"a": "b", "c": "d=e"})), ("", json!({}))] {
            assert_eq!(json!(read(json!({"pairs": text})).unwrap().pairs), pairs);
        }
        for bad in ["x", "a=b,c", "{\"a\":\"b=c\"}"] {
            let error = read(json!({"pairs": bad})).err().unwrap();
            assert!(error.starts_with("pairs: must be an object, or one text of k=v pairs"), "{error}");
        }
    }

    #[test]
    fn durations_read_as_go_writes_them() {
        for (text, seconds) in [
            ("0", 0),
            ("90", 90),
            ("90s", 90),
            ("2m", 120),
            ("72h", 259_200),
            ("30d", 2_592_000),
            ("1.5h", 5400),
            ("500ms", 0),
        ] {
            assert_eq!(Seconds::parse(text), Some(Seconds(seconds)), "{text}");
        }
        for bad in ["h", "5x", "-1", "1h-2m", "1e9h", "99999999999999999999h"] {
            assert_eq!(Seconds::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn fields_describe_themselves() {
        let names: Vec<_> = Body::FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(names, ["text", "flag", "number", "list", "ttl", "pairs"]);
        assert_eq!(Body::FIELDS[1].default, "true");
        let twice: &[crate::Field] = crate::fields!(Body, Body);
        assert_eq!((twice.len(), twice[11].name), (12, "pairs"));
        assert_eq!(Body::FIELDS[0].about.trim(), "A text.");
    }
}
