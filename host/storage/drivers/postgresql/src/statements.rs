//! Every statement, written out once for the table's name. Keys and values are parameters, always.

use storage::{SCAN_BYTES_MAX, SCAN_KEYS_MAX};

/// Records that one step of collecting removes.
pub(crate) const COLLECT_MAX: usize = 1000;

/// The SQL of one store.
///
/// `{table}` holds what is there now, `{past}` what was overwritten or removed at commit `ended`, `{state}` some numbers.
pub(crate) struct Statements {
    pub(crate) create: Vec<String>,
    pub(crate) format: String,
    pub(crate) number: String,
    pub(crate) kept: String,
    pub(crate) get: String,
    pub(crate) list: String,
    pub(crate) scan: String,
    pub(crate) take_number: String,
    pub(crate) await_number: String,
    pub(crate) mark: String,
    pub(crate) marked: String,
    pub(crate) versions: String,
    pub(crate) retire: String,
    pub(crate) remove: String,
    pub(crate) put: String,
    pub(crate) forget: String,
    pub(crate) collect: String,
    pub(crate) forget_nodes: String,
    pub(crate) stage: String,
    pub(crate) retire_all: String,
    pub(crate) remove_all: String,
    pub(crate) put_staged: String,
}

/// Where what replaces everything is put first: a table of the session alone.
pub(crate) const STAGING: &str =
    "CREATE TEMPORARY TABLE innkeeper_staging (key bytea PRIMARY KEY, value bytea NOT NULL)";

impl Statements {
    /// The table's name has been checked: nothing in it needs to be escaped.
    pub(crate) fn new(table: &str) -> Self {
        let quoted = |suffix: &str| {
            let (schema, name) = table.split_once('.').map_or((None, table), |(schema, name)| (Some(schema), name));
            let schema = schema.map(|schema| format!("\"{schema}\".")).unwrap_or_default();
            format!("{schema}\"{name}{suffix}\"")
        };
        let (now, past, state) = (quoted(""), quoted("_past"), quoted("_state"));
        let index = table.rsplit('.').next().unwrap_or(table);
        Self {
            create: vec![
                format!(
                    "CREATE TABLE IF NOT EXISTS {now} (key bytea PRIMARY KEY, version bigint NOT NULL, \
                     value bytea NOT NULL)"
                ),
                format!(
                    "CREATE TABLE IF NOT EXISTS {past} (key bytea NOT NULL, ended bigint NOT NULL, \
                     version bigint NOT NULL, value bytea NOT NULL, PRIMARY KEY (key, ended))"
                ),
                format!("CREATE INDEX IF NOT EXISTS \"{index}_past_ended\" ON {past} (ended)"),
                format!("CREATE TABLE IF NOT EXISTS {state} (name text PRIMARY KEY, number bigint NOT NULL)"),
                format!(
                    "INSERT INTO {state} (name, number) VALUES ('commit', 0), ('kept', 0), ('format', {}) \
                     ON CONFLICT (name) DO NOTHING",
                    crate::schema::FORMAT
                ),
            ],
            format: format!("SELECT number FROM {state} WHERE name = 'format'"),
            number: format!("SELECT number FROM {state} WHERE name = 'commit'"),
            kept: format!("SELECT number FROM {state} WHERE name = 'kept'"),
            get: format!(
                "SELECT kept.number, found.version, found.value FROM {state} AS kept LEFT JOIN (\
                   SELECT version, value FROM {now} WHERE key = $1 AND version <= $2 \
                   UNION ALL \
                   SELECT version, value FROM (SELECT version, value FROM {past} WHERE key = $1 AND ended > $2 \
                     ORDER BY ended LIMIT 1) AS next WHERE version <= $2\
                 ) AS found ON true WHERE kept.name = 'kept'"
            ),
            list: list(&now, &past),
            scan: scan(&now, &past),
            take_number: format!("UPDATE {state} SET number = number + 1 WHERE name = 'commit' RETURNING number"),
            await_number: format!("SELECT number FROM {state} WHERE name = 'commit' FOR UPDATE"),
            mark: format!(
                "INSERT INTO {state} (name, number) VALUES ($1, $2) \
                 ON CONFLICT (name) DO UPDATE SET number = excluded.number"
            ),
            marked: format!("SELECT number FROM {state} WHERE name = $1"),
            versions: format!("SELECT key, version FROM {now} WHERE key = ANY($1)"),
            retire: format!(
                "INSERT INTO {past} (key, ended, version, value) \
                 SELECT key, $2::bigint, version, value FROM {now} WHERE key = ANY($1)"
            ),
            remove: format!("DELETE FROM {now} WHERE key = ANY($1)"),
            put: format!(
                "INSERT INTO {now} (key, version, value) \
                 SELECT given.key, $3::bigint, given.value FROM unnest($1::bytea[], $2::bytea[]) AS given(key, value) \
                 ON CONFLICT (key) DO UPDATE SET version = excluded.version, value = excluded.value"
            ),
            forget: format!("UPDATE {state} SET number = $1 WHERE name = 'kept' AND number < $1"),
            collect: format!(
                "DELETE FROM {past} WHERE (key, ended) IN \
                 (SELECT key, ended FROM {past} WHERE ended <= $1 ORDER BY ended LIMIT {COLLECT_MAX})"
            ),
            forget_nodes: format!("DELETE FROM {state} WHERE name > 'node:' AND name < 'node;' AND number <= $1"),
            stage: "INSERT INTO innkeeper_staging (key, value) SELECT * FROM unnest($1::bytea[], $2::bytea[])".into(),
            retire_all: format!(
                "INSERT INTO {past} (key, ended, version, value) SELECT key, $1::bigint, version, value FROM {now}"
            ),
            remove_all: format!("DELETE FROM {now}"),
            put_staged: format!(
                "INSERT INTO {now} (key, version, value) SELECT key, $1::bigint, value FROM innkeeper_staging"
            ),
        }
    }
}

/// The name of a key below a prefix. `$5` is where it begins, counted from 1; `slash` is where its first slash is in
/// what follows, 0 for none.
const NAME: &str = "CASE slash WHEN 0 THEN substring(key FROM $5::int) \
    ELSE substring(key FROM $5::int FOR slash) END";

/// The first key after `at` that may have another name: behind the key itself, or for a folder, behind all that is in
/// it, where `0`, the byte after `/`, would stand in its place.
const NEXT: &str = "CASE at.slash WHEN 0 THEN at.key || '\\x00'::bytea \
    ELSE substring(at.key FROM 1 FOR $5::int + at.slash - 2) || '\\x30'::bytea END";

/// Names from `$1` on and before `$2` at commit `$3`, at most `$4`.
///
/// As many keys as names are wanted are read at once, which is all of it where there are no folders. Where there are,
/// it goes on from name to name with one step in the index each. What was ended since the snapshot is little, and found
/// by when it ended; `OFFSET 0` keeps the planner from looking for it by key.
fn list(now: &str, past: &str) -> String {
    let with_slash = "SELECT key, position('\\x2f'::bytea IN substring(key FROM $5::int)) AS slash FROM";
    let seek =
        format!("(SELECT key FROM {now} WHERE key >= {NEXT} AND key < $2 AND version <= $3 ORDER BY key LIMIT 1)");
    format!(
        "WITH RECURSIVE flat AS ({with_slash} \
             (SELECT key FROM {now} WHERE key >= $1 AND key < $2 AND version <= $3 ORDER BY key LIMIT $4) AS first), \
         walk AS (\
             SELECT {seek} AS key, many.names FROM \
               (SELECT count(*) AS keys, count(DISTINCT {NAME}) AS names FROM flat) AS many, \
               (SELECT key, slash FROM flat ORDER BY key DESC LIMIT 1) AS at \
             WHERE many.keys = $4 AND many.names < $4 \
             UNION ALL \
             SELECT {seek}, at.names + 1 FROM \
               (SELECT key, names, position('\\x2f'::bytea IN substring(key FROM $5::int)) AS slash FROM walk) AS at \
             WHERE at.key IS NOT NULL AND at.names + 1 < $4\
         ), \
         gone AS ({with_slash} \
             (SELECT key, version FROM {past} WHERE ended > $3 OFFSET 0) AS ended \
             WHERE key >= $1 AND key < $2 AND version <= $3) \
         SELECT name FROM (\
             SELECT {NAME} AS name FROM flat \
             UNION SELECT {NAME} FROM ({with_slash} walk WHERE key IS NOT NULL) AS walked \
             UNION SELECT {NAME} FROM gone\
         ) AS names ORDER BY name LIMIT $4"
    )
}

/// Records from `$1` on at commit `$2`, bounded in number and in bytes.
fn scan(now: &str, past: &str) -> String {
    format!(
        "SELECT key, value, version FROM (\
           SELECT key, value, version, sum(octet_length(value)) OVER (ORDER BY key ROWS UNBOUNDED PRECEDING) \
             - octet_length(value) AS before FROM (\
               (SELECT key, value, version FROM {now} WHERE key >= $1 AND version <= $2 ORDER BY key LIMIT {SCAN_KEYS_MAX}) \
               UNION ALL \
               (SELECT key, value, version FROM (SELECT key, version, value FROM {past} WHERE ended > $2 OFFSET 0) AS ended \
                WHERE key >= $1 AND version <= $2 ORDER BY key LIMIT {SCAN_KEYS_MAX})\
             ) AS records ORDER BY key LIMIT {SCAN_KEYS_MAX}\
         ) AS sized WHERE before < {SCAN_BYTES_MAX} ORDER BY key"
    )
}
