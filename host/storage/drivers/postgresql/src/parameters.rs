//! Bytes on their way into a statement.

use std::error::Error;
use std::fmt;

use tokio_postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

/// A key or a value as a parameter. `tokio_postgres` logs the parameters of statements at the level `debug`: of these it
/// logs the length only.
pub(crate) struct Bytes<T>(pub(crate) T);

impl<T: AsRef<[u8]>> fmt::Debug for Bytes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.as_ref().len())
    }
}

impl<T: AsRef<[u8]>> ToSql for Bytes<T> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        self.0.as_ref().to_sql(kind, out)
    }

    fn accepts(kind: &Type) -> bool {
        <&[u8]>::accepts(kind)
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_log_of_parameters_shows_no_bytes() {
        assert_eq!(format!("{:?}", vec![super::Bytes(b"opensesame")]), "[10 bytes]");
    }
}
