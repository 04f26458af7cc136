//! What the native endpoints are for: one line for each path and operation, of which help and OpenAPI are made.
//!
//! A path that [`crate::routes`] knows and this page does not fails a test, and the other way round.

use model::Operation::{self, Delete, List, Patch, Read, Update};

/// What one operation does, and the fields that it takes: names with spaces between, `!` behind those that must be
/// there, and `:` with a shape where it is no text: `b` true or false, `n` number, `d` duration, `l` list of texts, `o`
/// object.
pub(crate) type Does = (Operation, &'static str, &'static str);

/// A path below `/v1/`, and what can be done there.
pub(crate) struct Documented {
    pub(crate) path: &'static str,
    pub(crate) does: &'static [Does],
}

const fn path(path: &'static str, does: &'static [Does]) -> Documented {
    Documented { path, does }
}

const MOUNT: &str = "type! description config:o options:o local:b seal_wrap:b external_entropy_access:b plugin_version";
const TUNING: &str = "description default_lease_ttl:d max_lease_ttl:d options:o listing_visibility plugin_version \
                      allowed_managed_keys:l allowed_response_headers:l passthrough_request_headers:l \
                      audit_non_hmac_request_keys:l audit_non_hmac_response_keys:l force_no_cache:b powers:o";
const REKEY: &str = "secret_shares:n secret_threshold:n pgp_keys:l backup:b require_verification:b";
const INIT: &str = "secret_shares:n secret_threshold:n pgp_keys:l root_token_pgp_key recovery_shares:n \
                    recovery_threshold:n recovery_pgp_keys:l";
const QUOTA: &str = "rate! path interval:d block_interval:d inheritable:b";
const ROTATION: &str = "enabled:b max_operations:n interval:d";
const SHARE: &str = "key! nonce!";
const NEW_TOKEN: &str = "id policies:l meta:o no_parent:b no_default_policy:b renewable:b ttl:d type explicit_max_ttl:d \
                         display_name num_uses:n period:d entity_alias";
const TOKEN_ROLE: &str = "allowed_policies:l disallowed_policies:l allowed_policies_glob:l disallowed_policies_glob:l \
                          orphan:b renewable:b path_suffix allowed_entity_aliases:l token_bound_cidrs:l \
                          token_explicit_max_ttl:d token_no_default_policy:b token_num_uses:n token_period:d token_type";
const POLICY: &[Does] =
    &[(Read, "Shows a policy.", ""), (Update, "Writes a policy.", "policy!"), (Delete, "Removes a policy.", "")];

/// What the host answers itself.
pub(crate) const ALL: &[Documented] = &[
    path("auth/token/accessors", &[(List, "Names the accessors of the namespace's tokens.", "")]),
    path("auth/token/create", &[(Update, "Makes a token.", NEW_TOKEN)]),
    path("auth/token/create-orphan", &[(Update, "Makes a token that ends with no other.", NEW_TOKEN)]),
    path("auth/token/create/{role}", &[(Update, "Makes a token as a role says.", NEW_TOKEN)]),
    path("auth/token/lookup", &[(Read, "Shows a token.", "token"), (Update, "Shows a token.", "token!")]),
    path("auth/token/lookup-accessor", &[(Update, "Shows the token that an accessor names.", "accessor!")]),
    path("auth/token/lookup-self", &[(Read, "Shows the token that asks.", "")]),
    path("auth/token/renew", &[(Update, "Renews a token.", "token! increment:d")]),
    path("auth/token/renew-accessor", &[(Update, "Renews the token that an accessor names.", "accessor! increment:d")]),
    path("auth/token/renew-self", &[(Update, "Renews the token that asks.", "increment:d")]),
    path("auth/token/revoke", &[(Update, "Ends a token and all below it.", "token!")]),
    path("auth/token/revoke-accessor", &[(Update, "Ends the token that an accessor names.", "accessor!")]),
    path("auth/token/revoke-orphan", &[(Update, "Ends a token and lets those below it live.", "token!")]),
    path("auth/token/revoke-self", &[(Update, "Ends the token that asks.", "")]),
    path("auth/token/roles", &[(List, "Names the roles of tokens.", "")]),
    path(
        "auth/token/roles/{name}",
        &[
            (Read, "Shows a role of tokens.", ""),
            (Update, "Writes a role of tokens.", TOKEN_ROLE),
            (Delete, "Removes a role of tokens.", ""),
        ],
    ),
    path("auth/token/tidy", &[(Update, "Clears away what ended tokens left; it is done all the time.", "")]),
    path("sys/audit", &[(Read, "Shows the audit devices.", "")]),
    path("sys/audit-hash/{path}", &[(Update, "Hashes a text as a device does.", "input!")]),
    path(
        "sys/audit/{path}",
        &[
            (Update, "Enables an audit device.", "type! description options:o local:b"),
            (Delete, "Disables an audit device.", ""),
        ],
    ),
    path("sys/auth", &[(Read, "Shows the auth methods.", "")]),
    path(
        "sys/auth/{path}",
        &[
            (Read, "Shows an auth method.", ""),
            (Update, "Enables an auth method.", "type! description config:o"),
            (Delete, "Disables an auth method.", ""),
        ],
    ),
    path(
        "sys/auth/{path}/tune",
        &[(Read, "Shows how an auth method is tuned.", ""), (Update, "Tunes an auth method.", TUNING)],
    ),
    path("sys/capabilities", &[(Update, "Says what a token may do with paths.", "token! paths:l")]),
    path(
        "sys/capabilities-accessor",
        &[(Update, "Says what the token that an accessor names may do with paths.", "accessor! paths:l")],
    ),
    path("sys/capabilities-self", &[(Update, "Says what the token that asks may do with paths.", "paths:l")]),
    path(
        "sys/config/auditing/request-headers",
        &[(Read, "Shows which request headers are recorded.", ""), (List, "Names them.", "")],
    ),
    path(
        "sys/config/auditing/request-headers/{name}",
        &[
            (Read, "Shows how a request header is recorded.", ""),
            (Update, "Lets a request header be recorded.", "hmac:b"),
            (Delete, "Lets a request header be recorded no more.", ""),
        ],
    ),
    path(
        "sys/config/cors",
        &[
            (Read, "Shows which pages of others may speak with this server.", ""),
            (Update, "Lets pages of others speak with this server.", "allowed_origins:l! allowed_headers:l"),
            (Delete, "Lets no page of others speak with this server.", ""),
        ],
    ),
    path("sys/config/state/sanitized", &[(Read, "Shows what the server was configured with, without secrets.", "")]),
    path("sys/config/ui/headers", &[(List, "Names the headers of a user interface.", "")]),
    path(
        "sys/config/ui/headers/{name}",
        &[
            (Read, "Shows a header of a user interface.", "multivalue:b"),
            (Update, "Writes a header of a user interface.", "values:l!"),
            (Delete, "Removes a header of a user interface.", ""),
        ],
    ),
    path("sys/experiments", &[(Read, "Names the experiments that could be enabled.", "")]),
    path("sys/external-keys/configs", &[(List, "Names the configs: providers that keys share.", "")]),
    path(
        "sys/external-keys/configs/{config}",
        &[
            (Read, "Shows a config.", ""),
            (Update, "Writes a config.", "plugin! verify:b inherits:b"),
            (Patch, "Changes a config.", "verify:b inherits:b"),
            (Delete, "Removes a config with its keys.", ""),
        ],
    ),
    path("sys/external-keys/configs/{config}/keys", &[(List, "Names the keys of a config.", "")]),
    path(
        "sys/external-keys/configs/{config}/keys/{key}",
        &[
            (Read, "Shows a key.", ""),
            (Update, "Writes a key.", "verify:b"),
            (Patch, "Changes a key.", "verify:b"),
            (Delete, "Removes a key.", ""),
        ],
    ),
    path("sys/external-keys/configs/{config}/keys/{key}/grants", &[(List, "Names the mounts that may use a key.", "")]),
    path(
        "sys/external-keys/configs/{config}/keys/{key}/grants/{mount}",
        &[(Update, "Lends a key to a mount.", ""), (Delete, "Takes a key back from a mount.", "")],
    ),
    path(
        "sys/generate-root/attempt",
        &[
            (Read, "Shows how far the making of a root token is.", ""),
            (Update, "Begins to make a root token by quorum.", "otp pgp_key"),
            (Delete, "Gives it up.", ""),
        ],
    ),
    path("sys/generate-root/update", &[(Update, "Gives a share for a root token.", SHARE)]),
    path("sys/ha-status", &[(Read, "Shows the node that answers.", "")]),
    path("sys/health", &[(Read, "Says by its status how the node is.", "")]),
    path("sys/host-info", &[(Read, "Describes the machine that the node runs on.", "")]),
    path("sys/in-flight-req", &[(Read, "Shows the requests of this node that are not answered yet.", "")]),
    path("sys/init", &[(Read, "Says whether the store is founded.", ""), (Update, "Founds the store.", INIT)]),
    path(
        "sys/internal/specs/openapi",
        &[(Read, "Describes the paths of a namespace as OpenAPI.", "generic_mount_paths:b")],
    ),
    path("sys/internal/ui/feature-flags", &[(Read, "Names the features that are switched on.", "")]),
    path("sys/internal/ui/mounts", &[(Read, "Shows the mounts that the caller may see.", "")]),
    path("sys/internal/ui/mounts/{path}", &[(Read, "Shows the mount that a path leads to.", "")]),
    path("sys/internal/ui/namespaces", &[(Read, "Names the namespaces directly below.", "")]),
    path("sys/internal/ui/resultant-acl", &[(Read, "Shows what the caller's policies say together.", "")]),
    path("sys/key-status", &[(Read, "Shows the barrier's key: its number and age.", "")]),
    path("sys/leader", &[(Read, "Says who leads the cluster.", "")]),
    path("sys/leases", &[(List, "Names the leases that were given up.", "type")]),
    path("sys/leases/count", &[(Read, "Counts the leases that were given up.", "type include_child_namespaces:b")]),
    path("sys/leases/lookup", &[(Update, "Shows a lease.", "lease_id!")]),
    path("sys/leases/lookup/{prefix}", &[(List, "Names the leases below a path.", "")]),
    path("sys/leases/renew", &[(Update, "Extends a lease.", "lease_id! increment:d")]),
    path("sys/leases/renew/{lease_id}", &[(Update, "Extends a lease.", "increment:d")]),
    path("sys/leases/revoke", &[(Update, "Takes a lease back.", "lease_id! sync:b")]),
    path("sys/leases/revoke-force/{prefix}", &[(Update, "Forgets the leases below a path, taken back or not.", "")]),
    path("sys/leases/revoke-prefix/{prefix}", &[(Update, "Takes the leases below a path back.", "sync:b")]),
    path("sys/leases/revoke/{lease_id}", &[(Update, "Takes a lease back.", "sync:b")]),
    path("sys/leases/tidy", &[(Update, "Clears leases up; there is nothing to clear up.", "")]),
    path("sys/locked-users", &[(Read, "Shows who is locked out of which auth method.", "mount_accessor")]),
    path("sys/locked-users/{mount_accessor}/unlock/{alias}", &[(Update, "Lets somebody in again.", "")]),
    path(
        "sys/loggers",
        &[
            (Read, "Shows how much this node logs.", ""),
            (Update, "Changes how much this node logs.", "level!"),
            (Delete, "Lets this node log as it is configured.", ""),
        ],
    ),
    path(
        "sys/loggers/{name}",
        &[
            (Read, "Shows how much a room of this node logs.", ""),
            (Update, "Changes how much a room of this node logs.", "level!"),
            (Delete, "Lets a room of this node log as it is configured.", ""),
        ],
    ),
    path("sys/managed-keys/health", &[(Read, "Says how the providers of all keys are.", "after limit:n")]),
    path("sys/managed-keys/{type}", &[(List, "Names the keys of a type.", "after limit:n")]),
    path(
        "sys/managed-keys/{type}/{name}",
        &[
            (Read, "Shows a managed key, without its secrets.", ""),
            (Update, "Registers a managed key.", "allow_generate_key:b allow_store_key:b any_mount:b usages:l"),
            (Delete, "Forgets a managed key.", ""),
        ],
    ),
    path("sys/managed-keys/{type}/{name}/generate", &[(Update, "Makes the key in its token or cloud.", "")]),
    path("sys/managed-keys/{type}/{name}/health", &[(Read, "Says how the provider of a key is.", "")]),
    path("sys/managed-keys/{type}/{name}/test/sign", &[(Update, "Signs something with the key.", "hash_algorithm")]),
    path("sys/metrics", &[(Read, "Shows what this node counts.", "format!")]),
    path("sys/mounts", &[(Read, "Shows the mounts.", "")]),
    path(
        "sys/mounts/{path}",
        &[
            (Read, "Shows a mount.", ""),
            (Update, "Enables an engine at a path.", MOUNT),
            (Delete, "Removes a mount with everything that it keeps.", ""),
        ],
    ),
    path("sys/mounts/{path}/tune", &[(Read, "Shows how a mount is tuned.", ""), (Update, "Tunes a mount.", TUNING)]),
    path("sys/namespaces", &[(List, "Names the namespaces directly below.", "")]),
    path("sys/namespaces/api-lock/lock", &[(Update, "Stops the API of the namespace.", "")]),
    path("sys/namespaces/api-lock/lock/{path}", &[(Update, "Stops the API of a namespace.", "")]),
    path("sys/namespaces/api-lock/unlock", &[(Update, "Lets the API of the namespace go on.", "unlock_key")]),
    path("sys/namespaces/api-lock/unlock/{path}", &[(Update, "Lets the API of a namespace go on.", "unlock_key")]),
    path(
        "sys/namespaces/{path}",
        &[
            (Read, "Shows a namespace.", ""),
            (Update, "Makes a namespace, or writes its metadata.", "custom_metadata:o"),
            (Patch, "Changes the metadata of a namespace.", "custom_metadata:o"),
            (Delete, "Removes an empty namespace.", ""),
        ],
    ),
    path("sys/plugins/catalog", &[(Read, "Shows the plugins that mounts can be made of.", "")]),
    path("sys/plugins/catalog/{type}", &[(List, "Names the plugins of one sort.", "")]),
    path(
        "sys/plugins/catalog/{type}/{name}",
        &[
            (Read, "Shows a plugin: what it imports, its digest and its size.", "version"),
            (
                Update,
                "Registers a component by its digest.",
                "sha256! command component oci_image signature version runtime",
            ),
            (Delete, "Removes a plugin that nothing runs.", "version"),
        ],
    ),
    path("sys/plugins/pins", &[(Read, "Shows the pinned versions.", "")]),
    path(
        "sys/plugins/pins/{type}/{name}",
        &[
            (Read, "Shows the version that mounts get which name none.", ""),
            (Update, "Pins a version.", "version!"),
            (Delete, "Removes a pin.", ""),
        ],
    ),
    path(
        "sys/plugins/reload/backend",
        &[(Update, "Lets mounts run what the catalog has now.", "plugin mounts:l scope")],
    ),
    path(
        "sys/plugins/reload/{type}/{name}",
        &[(Update, "Lets the mounts of a plugin run what the catalog has.", "scope")],
    ),
    path("sys/policies/acl", &[(List, "Names the policies.", ""), (Read, "Names the policies.", "")]),
    path("sys/policies/acl/{name}", POLICY),
    path("sys/policies/egp", &[(List, "Names the endpoint governing policies.", ""), (Read, "Names them.", "")]),
    path(
        "sys/policies/egp/{name}",
        &[
            (Read, "Shows an endpoint governing policy.", ""),
            (
                Update,
                "Writes an endpoint governing policy.",
                "policy! enforcement_level! paths:l managed_keys:l language plugin_version cpu_time_max:n",
            ),
            (Delete, "Removes an endpoint governing policy.", ""),
        ],
    ),
    path(
        "sys/policies/evaluate",
        &[(
            Update,
            "Says what a policy would say, without doing anything.",
            "egp rgp policy language plugin_version request:o key:o principal:o place:o remote_address time:n",
        )],
    ),
    path("sys/policies/password", &[(List, "Names the rules for passwords.", "")]),
    path(
        "sys/policies/password/{name}",
        &[
            (Read, "Shows a rule for passwords.", ""),
            (Update, "Writes a rule for passwords.", "policy!"),
            (Delete, "Removes a rule for passwords.", ""),
        ],
    ),
    path("sys/policies/password/{name}/generate", &[(Read, "Makes a password by a rule.", "")]),
    path("sys/policies/rgp", &[(List, "Names the role governing policies.", ""), (Read, "Names them.", "")]),
    path(
        "sys/policies/rgp/{name}",
        &[
            (Read, "Shows a role governing policy.", ""),
            (
                Update,
                "Writes a role governing policy.",
                "policy! enforcement_level! language plugin_version cpu_time_max:n",
            ),
            (Delete, "Removes a role governing policy.", ""),
        ],
    ),
    path("sys/policy", &[(Read, "Names the policies.", ""), (List, "Names the policies.", "")]),
    path("sys/policy/{name}", POLICY),
    path(
        "sys/quotas/config",
        &[
            (Read, "Shows what holds for all quotas.", ""),
            (Update, "Says what holds for all quotas.", "rate_limit_exempt_paths:l"),
        ],
    ),
    path("sys/quotas/lease-count", &[(List, "Names the quotas of leases.", "")]),
    path(
        "sys/quotas/lease-count/{name}",
        &[
            (Read, "Shows a quota, and how many leases count for it.", ""),
            (Update, "Limits how many leases there may be below a path.", "max_leases:n! path inheritable:b"),
            (Delete, "Removes a quota.", ""),
        ],
    ),
    path("sys/quotas/rate-limit", &[(List, "Names the quotas of requests.", "")]),
    path(
        "sys/quotas/rate-limit/{name}",
        &[
            (Read, "Shows a quota.", ""),
            (Update, "Limits how many requests a client may make below a path.", QUOTA),
            (Delete, "Removes a quota.", ""),
        ],
    ),
    path("sys/rekey-recovery-key/backup", BACKUP),
    path("sys/rekey-recovery-key/init", REKEYING),
    path("sys/rekey-recovery-key/update", REKEYED),
    path("sys/rekey-recovery-key/verify", VERIFIED),
    path("sys/rekey/backup", BACKUP),
    path("sys/rekey/init", REKEYING),
    path("sys/rekey/recovery-key-backup", BACKUP),
    path("sys/rekey/update", REKEYED),
    path("sys/rekey/verify", VERIFIED),
    path("sys/remount", &[(Update, "Moves a mount to another path.", "from! to!")]),
    path("sys/remount/status/{id}", &[(Read, "Says how far a move is.", "")]),
    path("sys/renew", &[(Update, "Extends a lease.", "lease_id! increment:d")]),
    path("sys/renew/{lease_id}", &[(Update, "Extends a lease.", "increment:d")]),
    path("sys/replication/status", &[(Read, "Says that nothing is replicated.", "")]),
    path("sys/replication/{sort}/status", &[(Read, "Says that nothing is replicated.", "")]),
    path("sys/revoke", &[(Update, "Takes a lease back.", "lease_id! sync:b")]),
    path("sys/revoke-force/{prefix}", &[(Update, "Forgets the leases below a path, taken back or not.", "")]),
    path("sys/revoke-prefix/{prefix}", &[(Update, "Takes the leases below a path back.", "sync:b")]),
    path("sys/revoke/{lease_id}", &[(Update, "Takes a lease back.", "sync:b")]),
    path("sys/rotate", &[(Update, "Replaces the barrier's key.", "")]),
    path("sys/rotate/config", ROTATING),
    path("sys/rotate/keyring", &[(Update, "Replaces the barrier's key.", "")]),
    path("sys/rotate/keyring/config", ROTATING),
    path("sys/seal", &[(Update, "Seals the node.", "")]),
    path("sys/seal-status", &[(Read, "Says whether the node is sealed.", "")]),
    path("sys/step-down", &[(Update, "Steps down; there is nothing to step down from.", "")]),
    path("sys/storage/raft/snapshot", SNAPSHOT),
    path("sys/storage/raft/snapshot-force", &[(Update, "Replaces everything that is kept by a snapshot.", "")]),
    path("sys/storage/snapshot", SNAPSHOT),
    path("sys/tools/hash", &[(Update, "Hashes bytes.", "input! algorithm format")]),
    path("sys/tools/hash/{algorithm}", &[(Update, "Hashes bytes.", "input! format")]),
    path("sys/tools/random", &[(Update, "Gives random bytes.", "bytes:n format source")]),
    path("sys/tools/random/{bytes}", &[(Update, "Gives random bytes.", "format source")]),
    path("sys/unseal", &[(Update, "Gives a share of the unseal key.", "key reset:b migrate:b")]),
    path("sys/version-history", &[(List, "Shows the versions that the store was opened by.", "")]),
    path("sys/wrapping/lookup", &[(Update, "Shows what is known of a wrapping.", "token"), (Read, "The same.", "")]),
    path("sys/wrapping/rewrap", &[(Update, "Wraps what is wrapped anew.", "token")]),
    path("sys/wrapping/unwrap", &[(Update, "Gives what is wrapped, once.", "token")]),
    path("sys/wrapping/wrap", &[(Update, "Wraps what is sent.", "")]),
];

const BACKUP: &[Does] =
    &[(Read, "Shows the encrypted shares that were kept.", ""), (Delete, "Removes the encrypted shares.", "")];
const REKEYING: &[Does] = &[
    (Read, "Shows how far the rekeying is.", ""),
    (Update, "Begins to make new shares.", REKEY),
    (Delete, "Gives the rekeying up.", ""),
];
const REKEYED: &[Does] = &[(Update, "Gives a share for the rekeying.", SHARE)];
const VERIFIED: &[Does] = &[
    (Read, "Shows how far the verification of new shares is.", ""),
    (Update, "Gives one of the new shares.", SHARE),
    (Delete, "Begins the verification again.", ""),
];
const ROTATING: &[Does] = &[
    (Read, "Says when the barrier's key is replaced by itself.", ""),
    (Update, "Says when the barrier's key is to be replaced by itself.", ROTATION),
];
const SNAPSHOT: &[Does] = &[
    (Read, "Gives everything that is kept, encrypted, as one file.", ""),
    (Update, "Replaces everything that is kept by a snapshot.", ""),
];

/// The shape of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Boolean,
    Number,
    Duration,
    List,
    Object,
}

/// One field of a body.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) required: bool,
}

/// The fields as [`Does`] writes them.
pub(crate) fn fields(text: &'static str) -> impl Iterator<Item = Field> {
    text.split_whitespace().map(|word| {
        let (name, shape) = word.split_once(':').unwrap_or((word, ""));
        let shape = match shape.trim_end_matches('!') {
            "b" => Shape::Boolean,
            "n" => Shape::Number,
            "d" => Shape::Duration,
            "l" => Shape::List,
            "o" => Shape::Object,
            _ => Shape::Text,
        };
        Field { name: name.trim_end_matches('!'), shape, required: word.ends_with('!') }
    })
}

/// What is said about a path below `/v1/`: the page whose segments match, where captures match any.
pub(crate) fn find(path: &str) -> Option<&'static Documented> {
    let asked: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let matches = |documented: &&Documented| {
        let segments: Vec<&str> = documented.path.split('/').collect();
        let same = |(own, asked): (&&str, &&str)| own == asked || own.starts_with('{');
        segments.len() == asked.len() && segments.iter().zip(&asked).all(same)
    };
    // What is said literally comes before what a capture stands for.
    ALL.iter().filter(matches).min_by_key(|documented| documented.path.matches('{').count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Routes;

    /// Answered by the front.
    const ELSEWHERE: [&str; 5] = ["sys/health", "sys/init", "sys/leader", "sys/seal-status", "sys/unseal"];

    fn example(path: &str) -> String {
        path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn whatever_is_documented_is_there() {
        let routes = Routes::new().unwrap();
        for documented in ALL.iter().filter(|documented| !ELSEWHERE.contains(&documented.path)) {
            let found = match documented.path.strip_prefix("sys/") {
                Some(below) => routes.find(&example(below)),
                None => routes.find_token(&example(documented.path.strip_prefix("auth/token/").unwrap())),
            };
            assert!(found.is_some(), "nothing answers at {}", documented.path);
            assert_eq!(find(&example(documented.path)).unwrap().path, documented.path);
        }
        assert!(ALL.is_sorted_by_key(|documented| documented.path), "the paths are in order");
    }

    #[test]
    fn whatever_is_there_is_documented() {
        let source = include_str!("routes.rs");
        let lines = source.lines().filter_map(|line| line.trim().strip_prefix("(\""));
        let templates: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('"')).collect();
        assert!(templates.len() > 20, "the routes are written otherwise than this test reads them");
        for (template, rest) in templates {
            let room = if rest.starts_with(", At::") { "auth/token" } else { "sys" };
            let start = format!("{room}/{}", template.split("{*").next().unwrap_or_default());
            let named = |documented: &&Documented| example(documented.path).starts_with(&example(&start));
            assert!(ALL.iter().any(|documented| named(&documented)), "{template} is not on this page");
        }
    }

    #[test]
    fn fields_say_their_shape_and_whether_they_must_be_there() {
        let all: Vec<_> =
            fields("type! config:o limit:n!").map(|field| (field.name, field.shape, field.required)).collect();
        assert_eq!(
            all,
            [("type", Shape::Text, true), ("config", Shape::Object, false), ("limit", Shape::Number, true)]
        );
        let known: Vec<_> = ALL.iter().flat_map(|documented| documented.does).flat_map(|does| fields(does.2)).collect();
        let clean = |field: &Field| {
            field.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        assert!(known.iter().all(clean));
    }
}
