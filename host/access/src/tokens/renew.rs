//! Extends tokens.

use model::{Fault, TokenKind};
use storage::Transaction;

use super::ttl::{self, Bounds, Wanted};
use super::{Principal, Tokens, drawer, lent};

impl Tokens {
    /// Extends a token by `increment` seconds from now (0: by as much as it was given when it was made), as far as its
    /// own bounds and those of the system or its mount let it. `wanted` are its bounds as they are now: those of its
    /// record, unless its role or login method says others. Answers the token as it is now, and warnings.
    pub async fn renew(
        &self,
        transaction: &mut Transaction,
        principal: &Principal,
        bounds: Bounds,
        wanted: Wanted,
        now: u64,
    ) -> Result<(Principal, Vec<String>), Fault> {
        if principal.kind == TokenKind::Batch {
            return Err(Fault::invalid("batch tokens cannot be renewed"));
        }
        if !principal.renewable || principal.expire_time.is_none() {
            return Err(Fault::invalid("lease is not renewable"));
        }
        let given =
            ttl::give(bounds, wanted, principal.creation_time, now).map_err(|e| Fault::invalid(e.to_string()))?;
        let mut record = principal.record().clone();
        record.expire_time = Some(now.saturating_add(given.ttl));
        record.last_renewal = Some(now);
        transaction.put_json(&drawer(), &format!("hash/{}", principal.key()), &record)?;
        lent::keep(transaction, principal.key(), &record, None).await?;
        Ok((Principal::new(principal.key().to_owned(), record, principal.num_uses), given.warnings))
    }
}

impl Principal {
    /// What a renewal by so many seconds wants, by the token's own record.
    pub fn wants(&self, increment: u64) -> Wanted {
        Wanted {
            ttl: if increment > 0 { increment } else { self.creation_ttl },
            period: self.period,
            max_ttl: self.max_ttl,
            explicit_max_ttl: self.explicit_max_ttl,
        }
    }
}
