//! `config`: the settings of the mount.

use innkeeper_guest::prelude::*;

use crate::issue::crl::rebuild_all;
use crate::records::{CrlConfig, Defaults, Issuer, KeyDefaults, KeyRecord, Urls};

body! {
    /// The addresses that issuers write into certificates.
    pub(crate) struct UrlsWish {
        /// Where the issuer's certificate is.
        pub(crate) issuing_certificates: Option<Vec<String>>,
        /// Where the revocation list is.
        pub(crate) crl_distribution_points: Option<Vec<String>>,
        /// Where the OCSP responder is.
        pub(crate) ocsp_servers: Option<Vec<String>>,
        /// Whether `{{issuer_id}}` in the addresses is replaced.
        pub(crate) enable_templating: Option<bool>,
    }

    /// The default issuer.
    pub(crate) struct IssuersWish {
        /// Id or name of the issuer.
        pub(crate) default: String,
        /// Whether a newly added issuer becomes the default.
        pub(crate) default_follows_latest_issuer: Option<bool>,
    }

    /// The next default issuer.
    pub(crate) struct ReplaceWish {
        /// Id or name of the issuer.
        pub(crate) default: String = "next".to_owned(),
    }

    /// The default key.
    pub(crate) struct KeysWish {
        /// Id or name of the key.
        pub(crate) default: String,
    }

    /// How revocation lists are built.
    pub(crate) struct CrlWish {
        /// How long a list is valid.
        pub(crate) expiry: Option<String>,
        /// Signs empty lists only.
        pub(crate) disable: Option<bool>,
        /// Kept for the OCSP responder.
        pub(crate) ocsp_disable: Option<bool>,
        /// Kept for the OCSP responder.
        pub(crate) ocsp_expiry: Option<String>,
        /// Only false: this build has no periodic work, and builds lists at each revocation.
        pub(crate) auto_rebuild: Option<bool>,
        /// Kept for periodic building.
        pub(crate) auto_rebuild_grace_period: Option<String>,
        /// Only false: this build has no delta lists.
        pub(crate) enable_delta: Option<bool>,
        /// Kept for delta lists.
        pub(crate) delta_rebuild_interval: Option<String>,
        /// Most entries of a list; -1 for no limit.
        pub(crate) max_crl_entries: Option<i64>,
    }
}

pub(crate) const ROUTES: &[Route] = &[
    Route::new(
        "config/urls",
        "Addresses that are written into certificates.",
        &[
            Action::read("Reads the addresses.", read_urls),
            Action::update("Changes the addresses that are sent.", write_urls).fields(UrlsWish::FIELDS),
        ],
    ),
    Route::new(
        "config/issuers",
        "The default issuer.",
        &[
            Action::read("Reads the default.", read_issuers),
            Action::update("Sets the default.", write_issuers).fields(IssuersWish::FIELDS),
        ],
    ),
    Route::new(
        "root/replace",
        "The default issuer, after a rotation.",
        &[Action::update("Makes the issuer named `next`, or another one, the default.", replace)
            .fields(ReplaceWish::FIELDS)],
    ),
    Route::new(
        "config/keys",
        "The default key.",
        &[
            Action::read("Reads the default.", read_keys),
            Action::update("Sets the default.", write_keys).fields(KeysWish::FIELDS),
        ],
    ),
    Route::new(
        "config/crl",
        "How revocation lists are built.",
        &[
            Action::read("Reads the settings.", read_crl),
            Action::update("Changes the settings that are sent.", write_crl).fields(CrlWish::FIELDS),
        ],
    ),
];

fn read_urls(_request: &Request) -> Answer {
    Response::data(&Urls::load()?)
}

fn write_urls(request: &Request) -> Answer {
    let wish: UrlsWish = request.body()?;
    let mut urls = Urls::load()?;
    urls.issuing_certificates = wish.issuing_certificates.unwrap_or(urls.issuing_certificates);
    urls.crl_distribution_points = wish.crl_distribution_points.unwrap_or(urls.crl_distribution_points);
    urls.ocsp_servers = wish.ocsp_servers.unwrap_or(urls.ocsp_servers);
    urls.enable_templating = wish.enable_templating.unwrap_or(urls.enable_templating);
    urls.check("Authority Information Access (AIA)")?;
    urls.save()?;
    Response::data(&urls)
}

fn read_issuers(_request: &Request) -> Answer {
    Response::data(&Defaults::load()?)
}

fn write_issuers(request: &Request) -> Answer {
    set_default(request.body()?)
}

fn replace(request: &Request) -> Answer {
    let ReplaceWish { default } = request.body()?;
    set_default(IssuersWish { default, default_follows_latest_issuer: None })
}

fn set_default(wish: IssuersWish) -> Answer {
    if wish.default.is_empty() || wish.default == "default" {
        return Err(Fault::invalid("Invalid issuer specification; must be non-empty and can't be 'default'."));
    }
    let issuer = Issuer::resolve(&wish.default)?;
    let mut defaults = Defaults::load()?;
    defaults.default.clone_from(&issuer.id);
    if let Some(follows) = wish.default_follows_latest_issuer {
        defaults.default_follows_latest_issuer = follows;
    }
    defaults.save()?;
    let answer = Response::data(&defaults)?;
    Ok(if issuer.key.is_none() {
        answer.warning(
            "This selected default issuer has no key associated with it. Some operations like issuing \
                        certificates and signing CRLs will be unavailable with the requested default issuer until a \
                        key is imported or the default issuer is changed.",
        )
    } else {
        answer
    })
}

fn read_keys(_request: &Request) -> Answer {
    Response::data(&KeyDefaults::load()?)
}

fn write_keys(request: &Request) -> Answer {
    let KeysWish { default } = request.body()?;
    if default.is_empty() || default == "default" {
        return Err(Fault::invalid("Invalid key specification; must be non-empty and can't be 'default'."));
    }
    let defaults = KeyDefaults { default: KeyRecord::resolve(&default)?.link.id };
    defaults.save()?;
    Response::data(&defaults)
}

fn read_crl(_request: &Request) -> Answer {
    Response::data(&CrlConfig::load()?)
}

fn write_crl(request: &Request) -> Answer {
    let wish: CrlWish = request.body()?;
    let before = CrlConfig::load()?;
    let config = CrlConfig {
        expiry: wish.expiry.unwrap_or_else(|| before.expiry.clone()),
        disable: wish.disable.unwrap_or(before.disable),
        ocsp_disable: wish.ocsp_disable.unwrap_or(before.ocsp_disable),
        ocsp_expiry: wish.ocsp_expiry.unwrap_or_else(|| before.ocsp_expiry.clone()),
        auto_rebuild: wish.auto_rebuild.unwrap_or(before.auto_rebuild),
        auto_rebuild_grace_period: wish
            .auto_rebuild_grace_period
            .unwrap_or_else(|| before.auto_rebuild_grace_period.clone()),
        enable_delta: wish.enable_delta.unwrap_or(before.enable_delta),
        delta_rebuild_interval: wish.delta_rebuild_interval.unwrap_or_else(|| before.delta_rebuild_interval.clone()),
        max_crl_entries: wish.max_crl_entries.unwrap_or(before.max_crl_entries),
    };
    config.check()?;
    config.save()?;
    if config.disable != before.disable {
        rebuild_all()?;
    }
    Response::data(&config)
}
