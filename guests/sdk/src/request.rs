//! The request that a handler answers.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::innkeeper::engine::types as wit;
use crate::lenient::Lenient;
use crate::{Context, Fault, Mount};

/// What a request wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// GET.
    Read,
    /// LIST.
    List,
    /// POST or PUT where an existence check found nothing.
    Create,
    /// POST or PUT.
    Update,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

/// The fields that were sent.
pub struct Sent(Value);

impl Sent {
    /// Fields that come from elsewhere, for instance from a record with changes laid over it.
    pub fn new(fields: serde_json::Map<String, Value>) -> Self {
        Self(Value::Object(fields))
    }

    /// Reads a type out of the fields, as [`Request::body`] does.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        T::deserialize(Lenient::new(&self.0)).map_err(|e| Fault::invalid(e.to_string()))
    }

    /// The same fields, with those that were sent under an older name and not under their own now under their own.
    #[must_use]
    pub fn with_older_names(&self, older: &[(&str, &str)]) -> Self {
        let mut fields = self.0.clone();
        for (old, own) in older {
            if self.0.get(*own).is_none_or(Value::is_null)
                && let (Some(value), Value::Object(fields)) = (self.0.get(*old), &mut fields)
            {
                fields.insert((*own).to_owned(), value.clone());
            }
        }
        Self(fields)
    }

    /// One of the fields, without the others.
    #[must_use]
    pub fn only(&self, field: &str) -> Self {
        let one = self.0.get(field).map(|value| (field.to_owned(), value.clone()));
        Self(Value::Object(one.into_iter().collect()))
    }

    /// A field as it was sent.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    /// Whether a field was sent with a value that is neither `null` nor an empty text.
    pub fn has(&self, field: &str) -> bool {
        self.0.get(field).is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
    }
}

/// One request.
pub struct Request {
    pub(crate) context: Context,
    operation: Operation,
    captures: Vec<(String, String)>,
    body: String,
    raw: Option<wit::RawBody>,
    headers: Vec<(String, String)>,
    caller: wit::Caller,
}

impl Request {
    pub(crate) fn new(request: wit::Request) -> Self {
        Self {
            context: Context::new(request.context),
            operation: request.operation.into(),
            captures: request.captures,
            body: request.body,
            raw: request.raw,
            headers: request.headers,
            caller: request.caller,
        }
    }

    /// A request for unit tests: update, with these captures and this JSON body, from a mount `test/` with a default
    /// time to live of 768 hours.
    ///
    /// ```
    /// use innkeeper_guest::prelude::*;
    ///
    /// body! {
    ///     /// What it takes.
    ///     pub struct Wish {
    ///         /// How many; text stands for a number.
    ///         pub count: u32 = 1,
    ///     }
    /// }
    ///
    /// let request = Request::for_test(&[("name", "eve")], &json!({ "count": "3" }));
    /// assert_eq!((request.capture("name"), request.mount().path()), ("eve", "test/"));
    /// assert_eq!(request.body::<Wish>().unwrap().count, 3);
    /// ```
    pub fn for_test(captures: &[(&str, &str)], body: &Value) -> Self {
        let mount = wit::MountFacts {
            accessor: "test_00000000".into(),
            namespace: String::new(),
            path: "test/".into(),
            default_lease_ttl: 2_764_800,
            max_lease_ttl: 2_764_800,
            options: Vec::new(),
        };
        Self {
            context: Context::new(wit::Context { request_id: "test".into(), mount, deadline: 90_000 }),
            operation: Operation::Update,
            captures: captures.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            body: body.to_string(),
            raw: None,
            headers: Vec::new(),
            caller: wit::Caller {
                entity_id: None,
                display_name: "test".into(),
                metadata: Vec::new(),
                client_certificate: None,
                remote_address: None,
            },
        }
    }

    /// The same with this operation, for unit tests.
    #[must_use]
    pub fn with_operation(mut self, operation: Operation) -> Self {
        self.operation = operation;
        self
    }

    /// The same from this address, for unit tests.
    #[must_use]
    pub fn with_remote_address(mut self, address: &str) -> Self {
        self.caller.remote_address = Some(address.to_owned());
        self
    }

    /// The same with this certificate of the client, for unit tests.
    #[must_use]
    pub fn with_client_certificate(mut self, der: &[u8]) -> Self {
        self.caller.client_certificate = Some(der.to_vec());
        self
    }

    /// What [`crate::Engine::renew_token`] gets when who sent this request asks for the renewal, for unit tests.
    #[must_use]
    pub fn renewing(self) -> Context {
        self.context.renewed_by(self.caller)
    }

    /// Identifies the request in logs.
    pub fn id(&self) -> &str {
        self.context.request_id()
    }

    /// What is wanted.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// What every entry carries: the mount, the deadline.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The mount that the request came in through.
    pub fn mount(&self) -> Mount<'_> {
        self.context.mount()
    }

    /// The captured part of the path with this name; empty if the route has no such capture.
    pub fn capture(&self, name: &str) -> &str {
        self.captures.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The body (or the query parameters of a read, list or delete) as a type made by [`crate::body!`] or any other
    /// that deserialises. Numbers, booleans and lists may come as text, because stock clients send them so; `null`
    /// counts as not sent. The error names the field.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        self.sent()?.read()
    }

    /// The body, parsed once, for actions that read several types out of it.
    pub fn sent(&self) -> Result<Sent, Fault> {
        Ok(Sent(Value::Object(self.json()?)))
    }

    /// The body as JSON, for what [`Self::body`] cannot tell: which fields were sent at all, and which were `null`.
    pub fn json(&self) -> Result<serde_json::Map<String, Value>, Fault> {
        match serde_json::from_str(&self.body) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(Fault::invalid("the request body must be a JSON object")),
            Err(e) => Err(Fault::invalid(format!("the request body is not JSON: {e}"))),
        }
    }

    /// The body in a type of the caller's that reads it as it was written, for values that are to be kept so:
    /// [`Self::body`] is lenient, and [`Self::json`] keeps no more digits of a number than a number of its own has.
    pub fn exact<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_str(&self.body).map_err(|e| Fault::invalid(format!("the request body is not as wanted: {e}")))
    }

    /// The body as sent and its content type, for actions with a raw body.
    pub fn raw(&self) -> Option<(&str, &[u8])> {
        self.raw.as_ref().map(|raw| (raw.content_type.as_str(), raw.bytes.as_slice()))
    }

    /// A request header that the mount passes on, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The identity entity of the caller.
    pub fn entity_id(&self) -> Option<&str> {
        self.caller.entity_id.as_deref()
    }

    /// The display name of the caller's token; empty for requests without one.
    pub fn display_name(&self) -> &str {
        &self.caller.display_name
    }

    /// One piece of the metadata that the caller's login left on the token.
    pub fn caller_metadata(&self, name: &str) -> Option<&str> {
        self.caller.metadata.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// DER of the certificate that the client presented in its TLS handshake.
    pub fn client_certificate(&self) -> Option<&[u8]> {
        self.caller.client_certificate.as_deref()
    }

    /// The IP address that the request came from.
    pub fn remote_address(&self) -> Option<&str> {
        self.caller.remote_address.as_deref()
    }
}

impl From<wit::Operation> for Operation {
    fn from(operation: wit::Operation) -> Self {
        match operation {
            wit::Operation::Read => Self::Read,
            wit::Operation::List => Self::List,
            wit::Operation::Create => Self::Create,
            wit::Operation::Update => Self::Update,
            wit::Operation::Patch => Self::Patch,
            wit::Operation::Delete => Self::Delete,
        }
    }
}

impl From<Operation> for wit::Operation {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Read => Self::Read,
            Operation::List => Self::List,
            Operation::Create => Self::Create,
            Operation::Update => Self::Update,
            Operation::Patch => Self::Patch,
            Operation::Delete => Self::Delete,
        }
    }
}
