//! A bound on answers.

use aws_sdk_kms::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_kms::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kms::error::BoxError;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// Longest body of an answer, in bytes. A page of aliases or a policy would be longest; ours are below 10 KiB.
pub(crate) const ANSWER_MAX: usize = 128 << 10;

/// Ends the reading of an answer that is longer than [`ANSWER_MAX`]: by itself the SDK reads until memory ends, and an
/// endpoint may be anybody's.
#[derive(Debug)]
pub(crate) struct Bounded;

impl Intercept for Bounded {
    fn name(&self) -> &'static str {
        "Bounded"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let unbounded = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(unbounded, ANSWER_MAX));
        Ok(())
    }
}
