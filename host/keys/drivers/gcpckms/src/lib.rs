//! Keys in Google Cloud KMS.
