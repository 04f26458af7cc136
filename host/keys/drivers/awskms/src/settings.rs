//! What the node's operator allows.

use keys::Error;
use keys::registry::AwsKmsProvider;

/// What records may do with the credentials of the node itself, which are its operator's: those of its environment, its
/// profile, its web identity or its instance's role.
///
/// Whoever may write managed keys of this type can use every key that the node's credentials can, unless `ambient` is
/// false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether records without keys of their own use the node's credentials at all. By default they do, as in Vault.
    pub ambient: bool,
    /// The endpoints, besides AWS's own, that may be asked with the node's credentials: URLs such as
    /// `http://127.0.0.1:4566`. By default none: an endpoint that a record names would be shown the node's access key
    /// and session token. Records with keys of their own may name any.
    pub ambient_endpoints: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ambient: true, ambient_endpoints: Vec::new() }
    }
}

impl Settings {
    /// Refuses a record that would use the node's credentials where it may not.
    pub(crate) fn check(&self, provider: &AwsKmsProvider) -> Result<(), Error> {
        if provider.access_key.is_some() {
            return Ok(());
        }
        if !self.ambient {
            return Err(Error::invalid(
                "access_key and secret_key: are required, because this node does not lend its own credentials",
            ));
        }
        let Some(endpoint) = provider.endpoint_url() else { return Ok(()) };
        let same = |allowed: &String| allowed.trim_end_matches('/') == endpoint.trim_end_matches('/');
        if is_of_aws(&endpoint) || self.ambient_endpoints.iter().any(same) {
            return Ok(());
        }
        Err(Error::invalid(
            "endpoint: the node's own credentials are used with endpoints of AWS only; give access_key and secret_key, \
             or leave endpoint out",
        ))
    }
}

/// Whether a URL is an endpoint of KMS that only AWS can give a name to: of a region, with or without FIPS, or of a VPC.
/// Other names below `amazonaws.com` (load balancers, buckets, gateways) are given to anybody.
fn is_of_aws(url: &str) -> bool {
    let Some(host) = url.strip_prefix("https://") else { return false };
    let host = host.trim_end_matches('/').trim_end_matches(":443").to_ascii_lowercase();
    let domains = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonaws.eu", ".api.amazonwebservices.com.cn"];
    let Some(name) = domains.into_iter().find_map(|domain| host.strip_suffix(domain)) else { return false };
    let labels: Vec<&str> = name.split('.').collect();
    let plain = |label: &&str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if !labels.iter().all(plain) {
        return false;
    }
    match labels.as_slice() {
        ["kms" | "kms-fips", _region] => true,
        [endpoint, "kms" | "kms-fips", _region, "vpce"] => endpoint.starts_with("vpce-"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_aws_gives_are_endpoints_of_aws() {
        for good in [
            "https://kms.us-east-1.amazonaws.com",
            "https://kms.us-east-1.amazonaws.com/",
            "https://kms-fips.us-gov-west-1.amazonaws.com:443",
            "https://kms.cn-north-1.amazonaws.com.cn",
            "https://kms.eu-west-1.api.aws",
            "https://vpce-0a1b2c3d-abcdefgh.kms.eu-central-1.vpce.amazonaws.com",
        ] {
            assert!(is_of_aws(good), "{good}");
        }
        for bad in [
            "http://kms.us-east-1.amazonaws.com",
            "https://kms.us-east-1.amazonaws.com:8443",
            "https://kms.us-east-1.amazonaws.com.example.org",
            "https://example.org/kms.us-east-1.amazonaws.com",
            "https://example.org#kms.us-east-1.amazonaws.com",
            "https://example.org?.kms.us-east-1.amazonaws.com",
            "https://user@kms.us-east-1.amazonaws.com",
            "https://kms.s3.us-east-1.amazonaws.com",
            "https://abc.execute-api.us-east-1.amazonaws.com",
            "https://kms.evil.vpce.amazonaws.com",
            "https://kms.amazonaws.com.",
            "https://.amazonaws.com",
            "https://127.0.0.1",
        ] {
            assert!(!is_of_aws(bad), "{bad}");
        }
    }
}
