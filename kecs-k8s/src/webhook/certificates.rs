//! The certificates of the webhook: an authority of KECS's own, and what it issues for the server. Made and renewed by a pure rule of the time.
//!
//! The API server trusts whatever authority the webhook's configuration names. A new authority is named there at once but used only [`SETTLING`]
//! later, when every API server and every KECS knows it; the old one stays named until it expires. So there is no moment at which a
//! certificate that is served is not trusted.

use std::fmt;
use std::time::Duration;

use k8s_openapi::ByteString;
use kecs_model::Timestamp;
use pem::Pem;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};

use crate::time::after;

/// How long an authority is good, and when the next one is made: before it could not cover a certificate's whole life any more.
const AUTHORITY_LIFE: Duration = Duration::from_hours(365 * 24);
const AUTHORITY_RENEWED_BEFORE: Duration = Duration::from_hours(120 * 24);
/// How long a server's certificate is good, and when it is replaced: with a month for whatever may go wrong.
const LIFE: Duration = Duration::from_hours(90 * 24);
const RENEWED_BEFORE: Duration = Duration::from_hours(30 * 24);
/// How long a new authority is known before it is used. Longer than the pause between two looks at what is kept.
const SETTLING: Duration = Duration::from_hours(3);
/// Clocks differ: a certificate is good from a little before it was made.
const SKEW: Duration = Duration::from_hours(1);

/// All of them, as they are kept. `Debug` shows no key.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Certificates {
    /// The oldest first.
    authorities: Vec<Authority>,
    served: Served,
}

#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
struct Authority {
    /// In milliseconds; what tells it from others, too.
    made: i64,
    certificate: ByteString,
    key: ByteString,
}

#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
struct Served {
    made: i64,
    /// When the authority that issued it was made.
    issuer: i64,
    /// The names and addresses by which the server is called.
    names: Vec<String>,
    certificate: ByteString,
    key: ByteString,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authorities: Vec<_> = self.authorities.iter().map(|authority| Timestamp::from_millis(authority.made)).collect();
        f.debug_struct("Certificates").field("authorities", &authorities).field("names", &self.served.names).finish_non_exhaustive()
    }
}

impl Certificates {
    /// What should be kept from now on, instead of what is; `None` where that is as it should be.
    ///
    /// # Errors
    /// When a name is none that a certificate can have, or the system gives no random numbers.
    pub(crate) fn renewed(kept: Option<&Self>, names: &[String], now: Timestamp) -> Result<Option<Self>, rcgen::Error> {
        let is_good = |authority: &&Authority| now < authority.end();
        let mut authorities: Vec<Authority> =
            kept.map(|kept| kept.authorities.iter().filter(is_good).cloned().collect()).unwrap_or_default();
        if authorities.last().is_none_or(|newest| is_within(AUTHORITY_RENEWED_BEFORE, newest.end(), now)) {
            authorities.push(Authority::make(now)?);
        }
        let has_settled = |authority: &&Authority| is_after(SETTLING, Timestamp::from_millis(authority.made), now);
        // Where none has, the oldest: it is known for longest.
        let Some(issuer) = authorities.iter().rev().find(has_settled).or(authorities.first()) else { return Ok(None) };
        let served = kept.map(|kept| &kept.served).filter(|served| served.is_good(issuer, names, now));
        let served = match served {
            Some(served) => served.clone(),
            None => issuer.issue(names, now)?,
        };
        let renewed = Self { authorities, served };
        Ok((kept != Some(&renewed)).then_some(renewed))
    }

    /// The authorities that are to be trusted, in PEM one after the other.
    pub(crate) fn bundle(&self) -> String {
        self.authorities.iter().map(|authority| pem::encode(&Pem::new("CERTIFICATE", authority.certificate.0.clone()))).collect()
    }

    /// The server's certificate, in DER.
    pub(crate) fn certificate(&self) -> &[u8] {
        &self.served.certificate.0
    }

    /// The key of the server's certificate, as PKCS #8 in DER.
    pub(crate) fn key(&self) -> &[u8] {
        &self.served.key.0
    }
}

impl Authority {
    fn make(now: Timestamp) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = Self::parameters(now).self_signed(&key)?;
        Ok(Self {
            made: now.as_millis(),
            certificate: ByteString(certificate.der().to_vec()),
            key: ByteString(key.serialize_der()),
        })
    }

    /// The same for the same time, so that they need not be read out of the certificate.
    fn parameters(made: Timestamp) -> CertificateParams {
        let mut parameters = lasting(CertificateParams::default(), made, AUTHORITY_LIFE);
        parameters.distinguished_name = named(format!("KECS webhook authority of {}", made.as_millis()));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        parameters
    }

    fn end(&self) -> Timestamp {
        after(Timestamp::from_millis(self.made), AUTHORITY_LIFE)
    }

    fn issue(&self, names: &[String], now: Timestamp) -> Result<Served, rcgen::Error> {
        let issuer = Issuer::new(Self::parameters(Timestamp::from_millis(self.made)), KeyPair::try_from(self.key.0.as_slice())?);
        let key = KeyPair::generate()?;
        let mut parameters = lasting(CertificateParams::new(names)?, now, LIFE);
        parameters.distinguished_name = named("KECS webhook".to_owned());
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        parameters.use_authority_key_identifier_extension = true;
        let certificate = parameters.signed_by(&key, &issuer)?;
        Ok(Served {
            made: now.as_millis(),
            issuer: self.made,
            names: names.to_vec(),
            certificate: ByteString(certificate.der().to_vec()),
            key: ByteString(key.serialize_der()),
        })
    }
}

impl Served {
    fn is_good(&self, issuer: &Authority, names: &[String], now: Timestamp) -> bool {
        let end = after(Timestamp::from_millis(self.made), LIFE);
        self.issuer == issuer.made && self.names == names && !is_within(RENEWED_BEFORE, end, now)
    }
}

/// Whether `end` is less than `pause` away, or over.
fn is_within(pause: Duration, end: Timestamp, now: Timestamp) -> bool {
    after(now, pause) >= end
}

/// Whether `start` is at least `pause` ago.
fn is_after(pause: Duration, start: Timestamp, now: Timestamp) -> bool {
    after(start, pause) <= now
}

fn lasting(mut parameters: CertificateParams, made: Timestamp, life: Duration) -> CertificateParams {
    let since_epoch = Duration::from_millis(u64::try_from(made.as_millis()).unwrap_or(0));
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    parameters.not_before = epoch + since_epoch.saturating_sub(SKEW);
    parameters.not_after = epoch + since_epoch + life;
    parameters
}

fn named(name: String) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::client::WebPkiServerVerifier;
    use tokio_rustls::rustls::client::danger::ServerCertVerifier;
    use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use tokio_rustls::rustls::{RootCertStore, crypto::ring};

    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const START: i64 = 1_800_000_000_000;

    fn names() -> Vec<String> {
        vec!["kecs.kecs-system.svc".to_owned()]
    }

    fn at(time: Duration) -> Timestamp {
        after(Timestamp::from_millis(START), time)
    }

    fn first() -> Certificates {
        Certificates::renewed(None, &names(), at(Duration::ZERO)).unwrap().expect("there was none")
    }

    fn next(kept: &Certificates, time: Duration) -> Option<Certificates> {
        Certificates::renewed(Some(kept), &names(), at(time)).unwrap()
    }

    /// As a client does it that trusts the bundle, by the rules of RFC 5280.
    fn is_trusted(served: &Certificates, bundle: &Certificates, name: &str, time: Duration) -> bool {
        let mut roots = RootCertStore::empty();
        for root in pem::parse_many(bundle.bundle()).unwrap() {
            roots.add(CertificateDer::from(root.into_contents())).unwrap();
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), ring::default_provider().into()).build().unwrap();
        let seconds = u64::try_from(at(time).as_millis()).unwrap() / 1000;
        let certificate = CertificateDer::from(served.certificate());
        let name = ServerName::try_from(name).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        verifier.verify_server_cert(&certificate, &[], &name, &[], now).is_ok()
    }

    #[test]
    fn who_trusts_the_bundle_trusts_the_server_by_its_names_only() {
        let made = first();
        assert!(is_trusted(&made, &made, "kecs.kecs-system.svc", Duration::ZERO));
        assert!(!is_trusted(&made, &made, "kecs.elsewhere.svc", Duration::ZERO));
        assert!(!is_trusted(&made, &first(), "kecs.kecs-system.svc", Duration::ZERO), "another authority's");
    }

    #[test]
    fn an_address_is_a_name_too() {
        let names = ["10.88.0.1".to_owned()];
        let made = Certificates::renewed(None, &names, at(Duration::ZERO)).unwrap().unwrap();
        assert!(is_trusted(&made, &made, "10.88.0.1", Duration::ZERO));
    }

    #[test]
    fn nothing_is_renewed_before_its_time() {
        let made = first();
        for time in [Duration::ZERO, SETTLING, DAY * 59] {
            assert_eq!(next(&made, time), None, "{time:?}");
        }
    }

    #[test]
    fn a_certificate_is_replaced_a_month_before_its_end_by_one_of_the_same_authority() {
        let made = first();
        let renewed = next(&made, DAY * 60).expect("it is time");
        assert_eq!(renewed.bundle(), made.bundle());
        assert_ne!(renewed.certificate(), made.certificate());
        assert!(is_trusted(&made, &made, "kecs.kecs-system.svc", DAY * 89));
        assert!(!is_trusted(&made, &made, "kecs.kecs-system.svc", DAY * 91), "so long it lasts");
    }

    #[test]
    fn another_name_is_another_certificate_at_once() {
        let made = first();
        let elsewhere = ["kecs.elsewhere.svc".to_owned()];
        let renewed = Certificates::renewed(Some(&made), &elsewhere, at(Duration::from_secs(1))).unwrap().unwrap();
        assert!(is_trusted(&renewed, &made, "kecs.elsewhere.svc", Duration::from_secs(1)));
    }

    #[test]
    fn a_new_authority_is_trusted_before_it_is_used_and_the_old_one_until_it_expires() {
        let mut kept = first();
        // Looked at every hour for five years, by clients that know the bundle of now, or that of three hours ago.
        let mut earlier = std::collections::VecDeque::from([kept.clone()]);
        let (mut authorities, mut most) = (std::collections::BTreeSet::new(), 0);
        for hour in 0..5 * 365 * 24 {
            let time = Duration::from_hours(hour);
            kept = next(&kept, time).unwrap_or(kept);
            earlier.push_back(kept.clone());
            if earlier.len() > 4 {
                earlier.pop_front();
            }
            if kept != earlier[0] || hour % 24 == 0 {
                assert!(is_trusted(&kept, &earlier[0], "kecs.kecs-system.svc", time), "new certificate, old bundle: {hour}");
                assert!(is_trusted(&earlier[0], &kept, "kecs.kecs-system.svc", time), "old certificate, new bundle: {hour}");
            }
            authorities.insert(kept.authorities.last().map(|authority| authority.made));
            most = most.max(kept.authorities.len());
        }
        assert_eq!(authorities.len(), 8, "one each 245 days");
        assert_eq!(most, 2, "what has expired is named no more");
    }

    #[test]
    fn what_was_kept_is_read_again() {
        let made = first();
        let text = serde_json::to_vec(&made).unwrap();
        assert_eq!(serde_json::from_slice::<Certificates>(&text).unwrap(), made);
    }

    #[test]
    fn no_key_is_shown() {
        let shown = format!("{:?}", first());
        assert!(!shown.contains("key"), "{shown}");
        assert!(shown.contains("kecs.kecs-system.svc"), "{shown}");
    }
}
