//! Which key of a PGP certificate encrypts: checked by the certificate's own signatures, and chosen as GnuPG does.

use std::cmp::Reverse;

use pgp::composed::{Deserializable, SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{PacketTrait, Signature, SignatureType};
use pgp::types::{KeyDetails, KeyVersion, Tag, Timestamp};

/// Largest certificate that is read, in bytes; its text may have twice as many characters.
pub const PGP_KEY_MAX: usize = 64 * 1024;
/// Most signatures of one certificate that are verified.
const CHECKS_MAX: usize = 64;

/// The key of a certificate that encrypts.
pub(crate) struct Chosen {
    /// Of the primary key.
    pub(crate) fingerprint: String,
    pub(crate) packet: Vec<u8>,
}

type Refused = &'static str;

/// Reads a certificate, binary or armoured, as it holds at this time.
pub(crate) fn read(bytes: &[u8], now: Timestamp) -> Result<Chosen, Refused> {
    if is_private(bytes) {
        return Err("is a private key, which nobody else should ever see; give the public key");
    }
    if bytes.len() > PGP_KEY_MAX && !bytes.starts_with(b"-") {
        return Err("is longer than a PGP key may be; export it with `gpg --export-options export-minimal`");
    }
    let unreadable = "is no public key of OpenPGP that can be read";
    let (mut keys, _) = SignedPublicKey::from_reader_many_buf(bytes).map_err(|_| unreadable)?;
    let certificate = keys.next().and_then(Result::ok).ok_or(unreadable)?;
    if keys.next().is_some() {
        return Err("must hold one public key, and nothing else");
    }
    Checks { certificate: &certificate, left: CHECKS_MAX, now }.choose()
}

/// Whether somebody mistook a private key for a public one: by its armour, or by the tag of its first packet.
fn is_private(bytes: &[u8]) -> bool {
    let tag = match bytes.first() {
        Some(first) if first & 0xc0 == 0xc0 => first & 0x3f,
        Some(first) if first & 0x80 != 0 => (first >> 2) & 0x0f,
        _ => return bytes.starts_with(b"-----BEGIN PGP PRIVATE"),
    };
    tag == u8::from(Tag::SecretKey)
}

struct Checks<'c> {
    certificate: &'c SignedPublicKey,
    left: usize,
    now: Timestamp,
}

impl<'c> Checks<'c> {
    fn choose(mut self) -> Result<Chosen, Refused> {
        let primary = &self.certificate.primary_key;
        let mut versions = std::iter::once(primary.version()).chain(self.subkeys().map(|subkey| subkey.key.version()));
        if versions.any(|version| version != KeyVersion::V4) {
            return Err("must be a key of OpenPGP's version 4");
        }
        let own = self.own()?.ok_or("has no user id that the key itself has signed")?;
        if self.is_over(primary, own) {
            return Err("has expired");
        }
        let mut best = None;
        for subkey in self.subkeys() {
            if subkey.key.algorithm().can_encrypt()
                && let Some(bound) = self.binding(subkey)?
                && best.is_none_or(|(since, _)| since < bound)
            {
                best = Some((bound, subkey));
            }
        }
        let packet = match best {
            Some((_, subkey)) => packet(&subkey.key),
            None if encrypts(own) && primary.algorithm().can_encrypt() => packet(primary),
            None => return Err("has no key for encryption that is valid now"),
        };
        Ok(Chosen { fingerprint: primary.fingerprint().to_string(), packet: packet.ok_or("cannot be written")? })
    }

    fn subkeys(&self) -> impl Iterator<Item = &'c SignedPublicSubKey> + use<'c> {
        self.certificate.public_subkeys.iter()
    }

    /// The newest signature by which the key speaks of itself. Refuses a key that revoked itself.
    fn own(&mut self) -> Result<Option<&'c Signature>, Refused> {
        let (key, details) = (&self.certificate.primary_key, &self.certificate.details);
        if self.newest(&details.revocation_signatures, |by| by.verify_key(key).is_ok())?.is_some() {
            return Err("was revoked");
        }
        let direct = self.newest(&details.direct_signatures, |by| by.verify_key(key).is_ok())?;
        let mut own = direct.filter(|by| by.typ() == Some(SignatureType::Key));
        for user in &details.users {
            let certifies = |by: &Signature| by.verify_certification(key, Tag::UserId, &user.id).is_ok();
            let said =
                self.newest(&user.signatures, certifies)?.filter(|by| by.typ() != Some(SignatureType::CertRevocation));
            if said.map(Signature::created) > own.map(Signature::created) {
                own = said;
            }
        }
        Ok(own)
    }

    /// Since when a subkey is bound to its primary key for encryption; none if it is not, or no longer.
    fn binding(&mut self, subkey: &'c SignedPublicSubKey) -> Result<Option<Timestamp>, Refused> {
        let primary = &self.certificate.primary_key;
        let (revoked, bound): (Vec<_>, Vec<_>) =
            subkey.signatures.iter().partition(|by| by.typ() == Some(SignatureType::SubkeyRevocation));
        let binds = |by: &Signature| by.verify_subkey_binding(primary, &subkey.key).is_ok();
        if self.newest(revoked, binds)?.is_some() {
            return Ok(None);
        }
        let bound = self.newest(bound, binds)?.filter(|by| encrypts(by) && !self.is_over(&subkey.key, by));
        Ok(bound.map(|_| subkey.key.created_at()))
    }

    /// The newest of the key's own signatures that is valid now.
    fn newest(
        &mut self,
        signatures: impl IntoIterator<Item = &'c Signature>,
        is_good: impl Fn(&Signature) -> bool,
    ) -> Result<Option<&'c Signature>, Refused> {
        let mut own: Vec<_> = signatures.into_iter().filter(|by| self.is_own(by) && !self.is_past(by)).collect();
        own.sort_by_key(|by| Reverse(by.created()));
        for by in own {
            self.left = self.left.checked_sub(1).ok_or(
                "carries more signatures than are looked at; export it with `gpg --export-options export-minimal`",
            )?;
            if is_good(by) {
                return Ok(Some(by));
            }
        }
        Ok(None)
    }

    /// Whether a signature says that the key itself made it. Others' are not looked at.
    fn is_own(&self, by: &Signature) -> bool {
        let key = &self.certificate.primary_key;
        let (prints, ids) = (by.issuer_fingerprint(), by.issuer_key_id());
        prints.contains(&&key.fingerprint()) || (prints.is_empty() && ids.contains(&&key.legacy_key_id()))
    }

    fn is_past(&self, by: &Signature) -> bool {
        let Some(created) = by.created() else { return true };
        self.is_after(created, by.signature_expiration_time())
    }

    fn is_over(&self, key: &impl KeyDetails, by: &Signature) -> bool {
        self.is_after(key.created_at(), by.key_expiration_time())
    }

    /// Whether now is after a time by more than this; nothing and zero mean that it never is.
    fn is_after(&self, time: Timestamp, by: Option<pgp::types::Duration>) -> bool {
        let by = by.map_or(0, |by| u64::from(by.as_secs()));
        by > 0 && u64::from(self.now.as_secs()) >= u64::from(time.as_secs()) + by
    }
}

/// Whether the signature allows encryption, or says nothing of what the key is for.
fn encrypts(by: &Signature) -> bool {
    let flags = by.key_flags();
    let says = flags.certify() || flags.sign() || flags.authentication();
    flags.encrypt_comms() || flags.encrypt_storage() || !says
}

fn packet(key: &impl PacketTrait) -> Option<Vec<u8>> {
    let mut packet = Vec::new();
    key.to_writer_with_header(&mut packet).ok().map(|()| packet)
}
