//! The PKI secrets engine.
