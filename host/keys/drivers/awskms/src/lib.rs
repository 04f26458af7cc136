//! Keys in AWS KMS.
