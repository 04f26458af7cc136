//! `telemetry`: where traces of requests go. Other keys of it are understood elsewhere and mean nothing here.

use std::io::Read;
use std::path::PathBuf;

use model::Fault;
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::{Error, Reader, flat};

/// Largest file of certificate authorities, in bytes.
const CA_FILE_MAX: u64 = 256 << 10;

/// Where traces of requests go, and how many.
#[derive(Clone, Debug)]
pub struct Traces {
    settings: traces::Settings,
    /// The only authorities that are trusted, in PEM.
    tls_ca_file: Option<PathBuf>,
}

impl Traces {
    /// What makes the traces is told: the file is read, and what every span says of this server is added.
    pub fn settings(&self, cluster: &str) -> Result<traces::Settings, Fault> {
        let ca_pem = match &self.tls_ca_file {
            None => None,
            Some(path) => {
                let mut pem = String::new();
                let read =
                    std::fs::File::open(path).and_then(|file| file.take(CA_FILE_MAX + 1).read_to_string(&mut pem));
                read.map_err(|error| Fault::internal(format!("telemetry.traces.tls_ca_file: {error}")))?;
                Some(pem)
            }
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(traces::Settings { ca_pem, cluster: cluster.to_owned(), version, ..self.settings.clone() })
    }
}

impl Reader<'_> {
    pub(super) fn telemetry(&mut self, value: &Value) -> Result<(), Error> {
        for body in flat(value) {
            let Value::Object(body) = body else { return Err(self.wrong("telemetry", "must be a block")) };
            let Some(traces) = body.get("traces") else { continue };
            match flat(traces).as_slice() {
                [Value::Object(_)] if self.config.traces.is_some() => {
                    return Err(self.wrong("telemetry.traces", "is there twice"));
                }
                [Value::Object(body)] => self.config.traces = Some(self.traces(body)?),
                [_, _, ..] => return Err(self.wrong("telemetry.traces", "is there twice")),
                _ => return Err(self.wrong("telemetry.traces", "must be a block")),
            }
        }
        Ok(())
    }

    fn traces(&mut self, body: &Map<String, Value>) -> Result<Traces, Error> {
        let (cluster, version) = (String::new(), String::new());
        let mut settings = traces::Settings {
            endpoint: String::new(),
            sample_ratio: 1.0,
            headers: Vec::new(),
            ca_pem: None,
            cluster,
            version,
        };
        let mut tls_ca_file = None;
        for (name, value) in body {
            let key = format!("telemetry.traces.{name}");
            match name.as_str() {
                "endpoint" => settings.endpoint = self.text(&key, value)?,
                "sample_ratio" => {
                    let ratio = self.text(&key, value)?.parse().ok();
                    settings.sample_ratio = ratio.ok_or_else(|| self.wrong(&key, "must be a number from 0 to 1"))?;
                }
                "headers" => settings.headers = self.headers(&key, value)?,
                "tls_ca_file" => tls_ca_file = Some(PathBuf::from(self.text(&key, value)?)),
                _ => self.unknown(&key),
            }
        }
        let wrong = |error: traces::Unusable| self.wrong(format!("telemetry.traces.{}", error.setting), error.wanted);
        settings.check().map_err(wrong)?;
        Ok(Traces { settings, tls_ca_file })
    }

    fn headers(&self, key: &str, value: &Value) -> Result<Vec<(String, SecretString)>, Error> {
        let Value::Object(headers) = value else { return Err(self.wrong(key, "must be a map of names to values")) };
        let one = |(name, value): (&String, &Value)| Ok((name.clone(), SecretString::from(self.text(key, value)?)));
        headers.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Config;
    use super::*;

    fn read(telemetry: &Value) -> Result<Config, Error> {
        let mut config = Config::default();
        Reader { file: "test.hcl", config: &mut config }.telemetry(telemetry)?;
        Ok(config)
    }

    #[test]
    fn traces_are_off_unless_somebody_says_where_they_go() {
        let config = read(&json!({ "prometheus_retention_time": "30s", "disable_hostname": true })).unwrap();
        assert!(config.traces.is_none() && config.warnings.is_empty());
        let error = read(&json!({ "traces": {} })).unwrap_err();
        assert!(error.to_string().contains("telemetry.traces.endpoint: must be"), "{error}");
    }

    #[test]
    fn traces_have_a_place_a_ratio_and_headers_that_nobody_sees() {
        let traces = json!({
            "endpoint": "https://collector.example", "sample_ratio": "0.25", "headers": { "x-key": "s3cr3t" },
        });
        let config = read(&json!({ "traces": traces })).unwrap();
        let settings = config.traces.as_ref().unwrap().settings("house").unwrap();
        assert_eq!((settings.sample_ratio, settings.headers.len(), settings.cluster.as_str()), (0.25, 1, "house"));
        assert!(!format!("{config:?}{}", config.shown()).contains("s3cr3t"));
    }

    #[test]
    fn what_cannot_be_used_is_said_with_its_key() {
        for (key, wrong) in [
            ("sample_ratio", json!({ "endpoint": "http://127.0.0.1:1", "sample_ratio": 2 })),
            ("sample_ratio", json!({ "endpoint": "http://127.0.0.1:1", "sample_ratio": "much" })),
            ("endpoint", json!({ "endpoint": "127.0.0.1:1" })),
            ("headers", json!({ "endpoint": "http://127.0.0.1:1", "headers": ["a"] })),
        ] {
            let error = read(&json!({ "traces": wrong })).unwrap_err();
            assert!(error.to_string().contains(&format!("telemetry.traces.{key}")), "{error}");
        }
        let one = json!({ "endpoint": "http://127.0.0.1:1" });
        assert!(read(&json!({ "traces": [one, one] })).is_err());
        assert!(read(&json!([{ "traces": one }, { "traces": one }])).is_err());
    }
}
