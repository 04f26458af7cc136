//! Logins of Kubernetes service accounts.
