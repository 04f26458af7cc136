//! A page for each native path, in order.

use model::Operation::{Delete, List, Patch, Read, Update};

use super::{Documented, Does, path};

const MOUNT: &str =
    "type! description config:o options:o local:b seal_wrap:b external_entropy_access:b plugin_version plugin_name";
const TUNING: &str = "description default_lease_ttl:d max_lease_ttl:d options:o listing_visibility plugin_version \
                      allowed_managed_keys:l allowed_response_headers:l passthrough_request_headers:l \
                      audit_non_hmac_request_keys:l audit_non_hmac_response_keys:l force_no_cache:b powers:o \
                      delegated_auth_accessors:l identity_token_key token_type user_lockout_config:o";
const REKEY: &str = "secret_shares:n secret_threshold:n pgp_keys:l backup:b require_verification:b";
const INIT: &str = "secret_shares:n secret_threshold:n pgp_keys:l root_token_pgp_key recovery_shares:n \
                    recovery_threshold:n recovery_pgp_keys:l";
const QUOTA: &str = "rate! path interval:d block_interval:d inheritable:b role group_by type";
const LEASE_RENEWED: &str = "lease_id url_lease_id increment:d";
const LEASE_REVOKED: &str = "lease_id url_lease_id sync:b";
const HASH: &str = "input algorithm format";
const RANDOM: &str = "bytes:n format source";
const ROTATION: &str = "enabled:b max_operations:n interval:d";
const SHARE: &str = "key! nonce!";
const NEW_TOKEN: &str = "id policies:l meta:o no_parent:b no_default_policy:b renewable:b ttl:d type explicit_max_ttl:d \
                         display_name num_uses:n period:d entity_alias lease:d";
const TOKEN_ROLE: &str = "allowed_policies:l disallowed_policies:l allowed_policies_glob:l disallowed_policies_glob:l \
                          orphan:b renewable:b path_suffix allowed_entity_aliases:l token_bound_cidrs:l \
                          token_explicit_max_ttl:d token_no_default_policy:b token_num_uses:n token_period:d token_type \
                          period:d explicit_max_ttl:d bound_cidrs:l";
const POLICY: &[Does] =
    &[(Read, "Shows a policy.", ""), (Update, "Writes a policy.", "policy rules"), (Delete, "Removes a policy.", "")];

/// Fields of keys wherever they live; then of each sort of home the fields of the home, and of a key in it.
const MANAGED_KEY: &str = "allow_generate_key:b allow_replace_key:b allow_store_key:b any_mount:b inherits:b usages:l \
                           library pin slot token_label token_serial serial max_parallel:n force_rw_session:b \
                           key_label key_id mechanism curve key_bits:n rsa_oaep_hash \
                           access_key secret_key region endpoint kms_key key_type \
                           tenant_id client_id client_secret environment vault_name resource \
                           key_name key_version encryption_mode \
                           credentials project key_ring crypto_key crypto_key_version algorithm protection_level";
const CONFIG: &str = "plugin verify:b library lib pin slot token_label token_serial serial max_parallel:n \
                      force_rw_session:b access_key secret_key region endpoint \
                      tenant_id client_id client_secret environment vault_name resource credentials project key_ring";
const EXTERNAL_KEY: &str = "verify:b allow_generate_key:b allow_replace_key:b allow_store_key:b any_mount:b inherits:b \
                            usages:l key_label label key_id id mechanism curve key_bits:n rsa_oaep_hash kms_key key_type \
                            key_name key_version encryption_mode crypto_key crypto_key_version algorithm protection_level";
const ENTITY: &str = "id name metadata:o policies:l disabled:b";
const ENTITY_ALIAS: &str = "id name mount_accessor canonical_id entity_id custom_metadata:o";
const ENTITY_BY: &[Does] =
    &[(Read, "Shows an entity.", ""), (Update, "Writes an entity.", ENTITY), (Delete, "Removes an entity.", "")];
const GROUP: &str = "id name type metadata:o policies:l member_entity_ids:l member_group_ids:l";
const GROUP_ALIAS: &str = "id name mount_accessor canonical_id";
const GROUP_BY: &[Does] =
    &[(Read, "Shows a group.", ""), (Update, "Writes a group.", GROUP), (Delete, "Removes a group.", "")];
const LOOKUP: &str = "id name alias_id alias_name alias_mount_accessor";

/// What the host answers itself.
pub(crate) const ALL: &[Documented] = &[
    path("auth/token/accessors", &[(List, "Names the accessors of the namespace's tokens.", "")]),
    path("auth/token/create", &[(Update, "Makes a token.", NEW_TOKEN)]),
    path("auth/token/create-orphan", &[(Update, "Makes a token that ends with no other.", NEW_TOKEN)]),
    path("auth/token/create/{role}", &[(Update, "Makes a token as a role says.", NEW_TOKEN)]),
    path("auth/token/lookup", &[(Read, "Shows a token.", "token"), (Update, "Shows a token.", "token")]),
    path("auth/token/lookup-accessor", &[(Update, "Shows the token that an accessor names.", "accessor!")]),
    path("auth/token/lookup-self", &[(Read, "Shows the token that asks.", "")]),
    path("auth/token/renew", &[(Update, "Renews a token.", "token! increment:d")]),
    path("auth/token/renew-accessor", &[(Update, "Renews the token that an accessor names.", "accessor! increment:d")]),
    path("auth/token/renew-self", &[(Update, "Renews the token that asks.", "increment:d token")]),
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
    path(
        "cubbyhole/{path}",
        &[
            (Read, "Shows what the token that asks keeps there.", ""),
            (List, "Names what it keeps below.", ""),
            (Update, "Keeps an object of any fields for it.", ""),
            (Delete, "Removes what it keeps there.", ""),
        ],
    ),
    path("identity/entity", &[(Update, "Makes an entity, or changes the one with an identifier.", ENTITY)]),
    path("identity/entity-alias", &[(Update, "Makes an alias of an entity.", ENTITY_ALIAS)]),
    path("identity/entity-alias/id", &[(List, "Names the aliases of entities.", "")]),
    path(
        "identity/entity-alias/id/{id}",
        &[
            (Read, "Shows an alias of an entity.", ""),
            (Update, "Writes an alias of an entity.", ENTITY_ALIAS),
            (Delete, "Removes an alias of an entity.", ""),
        ],
    ),
    path("identity/entity/batch-delete", &[(Update, "Removes entities.", "entity_ids:l!")]),
    path("identity/entity/id", &[(List, "Names the identifiers of entities.", "")]),
    path("identity/entity/id/{id}", ENTITY_BY),
    path("identity/entity/merge", &[(Update, "Makes one entity of several.", "to_entity_id! from_entity_ids:l!")]),
    path("identity/entity/name", &[(List, "Names the entities.", "")]),
    path("identity/entity/name/{name}", ENTITY_BY),
    path("identity/group", &[(Update, "Makes a group, or changes the one with an identifier.", GROUP)]),
    path("identity/group-alias", &[(Update, "Makes the alias of an external group.", GROUP_ALIAS)]),
    path("identity/group-alias/id", &[(List, "Names the aliases of groups.", "")]),
    path(
        "identity/group-alias/id/{id}",
        &[
            (Read, "Shows the alias of a group.", ""),
            (Update, "Writes the alias of a group.", GROUP_ALIAS),
            (Delete, "Removes the alias of a group.", ""),
        ],
    ),
    path("identity/group/id", &[(List, "Names the identifiers of groups.", "")]),
    path("identity/group/id/{id}", GROUP_BY),
    path("identity/group/name", &[(List, "Names the groups.", "")]),
    path("identity/group/name/{name}", GROUP_BY),
    path("identity/lookup/entity", &[(Update, "Finds an entity by one of its names.", LOOKUP)]),
    path("identity/lookup/group", &[(Update, "Finds a group by one of its names.", LOOKUP)]),
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
            (Update, "Enables an auth method.", MOUNT),
            (Delete, "Disables an auth method.", ""),
        ],
    ),
    path(
        "sys/auth/{path}/tune",
        &[(Read, "Shows how an auth method is tuned.", ""), (Update, "Tunes an auth method.", TUNING)],
    ),
    path("sys/capabilities", &[(Update, "Says what a token may do with paths.", "token! paths:l path")]),
    path(
        "sys/capabilities-accessor",
        &[(Update, "Says what the token that an accessor names may do with paths.", "accessor! paths:l path")],
    ),
    path(
        "sys/capabilities-self",
        &[(Update, "Says what the token that asks may do with paths.", "paths:l path token")],
    ),
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
            (Update, "Writes a config.", CONFIG),
            (Patch, "Changes a config.", CONFIG),
            (Delete, "Removes a config with its keys.", ""),
        ],
    ),
    path("sys/external-keys/configs/{config}/keys", &[(List, "Names the keys of a config.", "")]),
    path(
        "sys/external-keys/configs/{config}/keys/{key}",
        &[
            (Read, "Shows a key.", ""),
            (Update, "Writes a key.", EXTERNAL_KEY),
            (Patch, "Changes a key.", EXTERNAL_KEY),
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
    path("sys/leases", &[(List, "Names the leases that were given up.", "type! limit:n include_child_namespaces:b")]),
    path("sys/leases/count", &[(Read, "Counts the leases that were given up.", "type! include_child_namespaces:b")]),
    path("sys/leases/lookup", &[(Update, "Shows a lease.", "lease_id url_lease_id")]),
    path("sys/leases/lookup/{prefix}", &[(List, "Names the leases below a path.", "")]),
    path("sys/leases/renew", &[(Update, "Extends a lease.", LEASE_RENEWED)]),
    path("sys/leases/renew/{url_lease_id}", &[(Update, "Extends a lease.", LEASE_RENEWED)]),
    path("sys/leases/revoke", &[(Update, "Takes a lease back.", LEASE_REVOKED)]),
    path("sys/leases/revoke-force/{prefix}", &[(Update, "Forgets the leases below a path, taken back or not.", "")]),
    path("sys/leases/revoke-prefix/{prefix}", &[(Update, "Takes the leases below a path back.", "sync:b")]),
    path("sys/leases/revoke/{url_lease_id}", &[(Update, "Takes a lease back.", LEASE_REVOKED)]),
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
            (Update, "Registers a managed key.", MANAGED_KEY),
            (Delete, "Forgets a managed key.", ""),
        ],
    ),
    path("sys/managed-keys/{type}/{name}/generate", &[(Update, "Makes the key in its token or cloud.", "replace:b")]),
    path("sys/managed-keys/{type}/{name}/health", &[(Read, "Says how the provider of a key is.", "")]),
    path(
        "sys/managed-keys/{type}/{name}/import",
        &[(Update, "Puts a key into its token or cloud.", "private_key secret_key replace:b")],
    ),
    path(
        "sys/managed-keys/{type}/{name}/test/sign",
        &[(Update, "Signs something with the key.", "hash_algorithm use_pss:b")],
    ),
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
                "sha256 sha_256 command args:l env:l component oci_image signature version runtime",
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
            (
                Update,
                "Says what holds for all quotas.",
                "rate_limit_exempt_paths:l enable_rate_limit_audit_logging:b enable_rate_limit_response_headers:b",
            ),
        ],
    ),
    path("sys/quotas/lease-count", &[(List, "Names the quotas of leases.", "")]),
    path(
        "sys/quotas/lease-count/{name}",
        &[
            (Read, "Shows a quota, and how many leases count for it.", ""),
            (Update, "Limits how many leases there may be below a path.", "max_leases:n! path inheritable:b role type"),
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
    path("sys/renew", &[(Update, "Extends a lease.", LEASE_RENEWED)]),
    path("sys/renew/{url_lease_id}", &[(Update, "Extends a lease.", LEASE_RENEWED)]),
    path("sys/replication/status", &[(Read, "Says that nothing is replicated.", "")]),
    path("sys/replication/{sort}/status", &[(Read, "Says that nothing is replicated.", "")]),
    path("sys/revoke", &[(Update, "Takes a lease back.", LEASE_REVOKED)]),
    path("sys/revoke-force/{prefix}", &[(Update, "Forgets the leases below a path, taken back or not.", "")]),
    path("sys/revoke-prefix/{prefix}", &[(Update, "Takes the leases below a path back.", "sync:b")]),
    path("sys/revoke/{url_lease_id}", &[(Update, "Takes a lease back.", LEASE_REVOKED)]),
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
    path("sys/tools/hash", &[(Update, "Hashes bytes.", HASH)]),
    path("sys/tools/hash/{urlalgorithm}", &[(Update, "Hashes bytes.", HASH)]),
    path("sys/tools/random", &[(Update, "Gives random bytes.", RANDOM)]),
    path("sys/tools/random/{source}/{urlbytes}", &[(Update, "Gives random bytes.", RANDOM)]),
    path("sys/tools/random/{urlbytes}", &[(Update, "Gives random bytes.", RANDOM)]),
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
