// The notary: keeps statements, and signs them with a managed key that it never sees.
//
// An example of an engine in C. secrets_engine.h is generated from wit/ while the component is built. What the host calls
// is at the end of the file, the functions whose names begin with `exports_`; what it offers has names that begin with
// `innkeeper_engine_`.

#include <string.h>

#include "text.h"

// A statement is short, so that nobody takes this for a place for files. The name becomes a part of a storage key.
#define TEXT_MAX 65536
#define TEXT_MAX_WORDS "65536"
#define NAME_MAX 128
#define KEY_MAX 256
#define KEY_MAX_WORDS "256"

typedef innkeeper_engine_types_request_t request_t;
typedef innkeeper_engine_types_response_t response_t;
typedef innkeeper_engine_types_fault_t fault_t;
typedef innkeeper_engine_types_operation_t operation_t;
typedef secrets_engine_list_u8_t bytes_t;

// Every handler answers a response, or fills in a fault and answers false. So does every helper that may refuse.
typedef bool (*handler_t)(const request_t *request, response_t *response, fault_t *fault);

static bool refuse(fault_t *fault, innkeeper_engine_types_fault_kind_t kind, text_t message) {
  memset(fault, 0, sizeof *fault);
  fault->kind = kind;
  fault->messages.ptr = reserve(sizeof(text_t));
  fault->messages.ptr[0] = message;
  fault->messages.len = 1;
  return false;
}

static bool invalid(fault_t *fault, text_t message) {
  return refuse(fault, INNKEEPER_ENGINE_TYPES_FAULT_KIND_INVALID_REQUEST, message);
}

static bool storage_failed(fault_t *fault, innkeeper_engine_storage_storage_error_t error) {
  switch (error) {
    case INNKEEPER_ENGINE_STORAGE_STORAGE_ERROR_UNAVAILABLE:
      return refuse(fault, INNKEEPER_ENGINE_TYPES_FAULT_KIND_UNAVAILABLE, text("storage is unavailable"));
    case INNKEEPER_ENGINE_STORAGE_STORAGE_ERROR_TOO_LARGE:
      return refuse(fault, INNKEEPER_ENGINE_TYPES_FAULT_KIND_TOO_LARGE, text("too large to store"));
    default:
      return refuse(fault, INNKEEPER_ENGINE_TYPES_FAULT_KIND_INTERNAL, text("internal error"));
  }
}

// What the kinds of key errors mean to whoever asked for a signature. The messages of key errors are fit to be shown.
static bool key_failed(fault_t *fault, innkeeper_engine_keys_key_error_t error) {
  innkeeper_engine_types_fault_kind_t kind;
  switch (error.kind) {
    case INNKEEPER_ENGINE_KEYS_KEY_ERROR_KIND_NOT_GRANTED:
    case INNKEEPER_ENGINE_KEYS_KEY_ERROR_KIND_USAGE_DENIED:
    case INNKEEPER_ENGINE_KEYS_KEY_ERROR_KIND_DENIED_BY_POLICY:
      kind = INNKEEPER_ENGINE_TYPES_FAULT_KIND_DENIED;
      break;
    case INNKEEPER_ENGINE_KEYS_KEY_ERROR_KIND_NOT_FOUND:
    case INNKEEPER_ENGINE_KEYS_KEY_ERROR_KIND_UNSUPPORTED:
    case INNKEEPER_ENGINE_KEYS_KEY_ERROR_KIND_INVALID:
      kind = INNKEEPER_ENGINE_TYPES_FAULT_KIND_INVALID_REQUEST;
      break;
    case INNKEEPER_ENGINE_KEYS_KEY_ERROR_KIND_UNAVAILABLE:
    case INNKEEPER_ENGINE_KEYS_KEY_ERROR_KIND_TIMEOUT:
      kind = INNKEEPER_ENGINE_TYPES_FAULT_KIND_UNAVAILABLE;
      break;
    default:
      kind = INNKEEPER_ENGINE_TYPES_FAULT_KIND_INTERNAL;
  }
  refuse(fault, kind, JOIN(text("key: "), error.message));
  fault->retry_after.is_some = error.retry_after.is_some;
  fault->retry_after.val = error.retry_after.val;
  return false;
}

static bool nothing(response_t *response) {
  memset(response, 0, sizeof *response);
  response->payload.tag = INNKEEPER_ENGINE_TYPES_PAYLOAD_NOTHING;
  return true;
}

static bool data(response_t *response, text_t json) {
  memset(response, 0, sizeof *response);
  response->payload.tag = INNKEEPER_ENGINE_TYPES_PAYLOAD_DATA;
  response->payload.val.data = json;
  return true;
}

static bool is_word(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// Where the statement is kept that the path names: each path of ours captures one name.
static bool place(const request_t *request, text_t *key, fault_t *fault) {
  text_t name = request->captures.ptr[0].f1;
  bool fits = name.len >= 1 && name.len <= NAME_MAX && is_word(name.ptr[0]);
  for (size_t i = 0; fits && i < name.len; i++) fits = is_word(name.ptr[i]) || name.ptr[i] == '.';
  if (!fits) {
    return invalid(
        fault, text("name: must be 1 to 128 letters, digits, '_', '-' and '.', not '.' at the beginning"));
  }
  *key = JOIN(text("statements/"), name);
  return true;
}

// A field of the body that must be there: a text of 1 to `max` bytes.
static bool wanted(const request_t *request, const char *name, size_t max, const char *max_words, text_t *value,
                   fault_t *fault) {
  switch (field(request->body, name, value)) {
    case FIELD_TEXT:
      if (value->len >= 1 && value->len <= max) return true;
      return invalid(fault, JOIN(text(name), text(": must have 1 to "), text(max_words), text(" bytes")));
    case FIELD_MISSING:
      return invalid(fault, JOIN(text(name), text(": is missing")));
    case FIELD_OTHER:
      return invalid(fault, JOIN(text(name), text(": must be a string")));
    default:
      return invalid(fault, text("the body must be a JSON object"));
  }
}

// The text of the statement that the path names.
static bool statement(const request_t *request, bytes_t *found, fault_t *fault) {
  text_t key;
  if (!place(request, &key, fault)) return false;
  secrets_engine_option_list_u8_t kept;
  innkeeper_engine_storage_storage_error_t error;
  if (!innkeeper_engine_storage_get(&key, &kept, &error)) return storage_failed(fault, error);
  if (!kept.is_some) {
    return refuse(
        fault, INNKEEPER_ENGINE_TYPES_FAULT_KIND_NOT_FOUND, text("there is no statement of this name"));
  }
  *found = kept.val;
  return true;
}

static bool list(const request_t *request, response_t *response, fault_t *fault) {
  (void)request;
  text_t keys = text("");
  text_t prefix = text("statements/");
  text_t last = text("");
  innkeeper_engine_storage_page_t page;
  do {
    innkeeper_engine_storage_storage_error_t error;
    if (!innkeeper_engine_storage_list(&prefix, last.len > 0 ? &last : NULL, 0, &page, &error)) {
      return storage_failed(fault, error);
    }
    // One text of a page, and one of all pages: joining name by name would copy what there is once per name.
    text_t *parts = reserve(sizeof(text_t) * (2 * page.names.len + 1));
    parts[0] = keys;
    for (size_t i = 0; i < page.names.len; i++) {
      last = page.names.ptr[i];
      parts[2 * i + 1] = text(i == 0 && keys.len == 0 ? "" : ",");
      parts[2 * i + 2] = quoted(last);
    }
    keys = join(2 * page.names.len + 1, parts);
  } while (page.more);
  if (keys.len == 0) return nothing(response);
  return data(response, JOIN(text("{\"keys\":["), keys, text("]}")));
}

static bool read(const request_t *request, response_t *response, fault_t *fault) {
  bytes_t kept;
  if (!statement(request, &kept, fault)) return false;
  text_t words = {kept.ptr, kept.len};
  return data(response, JOIN(text("{\"text\":"), quoted(words), text("}")));
}

static bool write(const request_t *request, response_t *response, fault_t *fault) {
  text_t words, key;
  if (!wanted(request, "text", TEXT_MAX, TEXT_MAX_WORDS, &words, fault)) return false;
  if (!place(request, &key, fault)) return false;
  bytes_t value = {words.ptr, words.len};
  innkeeper_engine_storage_storage_error_t error;
  if (!innkeeper_engine_storage_put(&key, &value, &error)) return storage_failed(fault, error);
  return nothing(response);
}

static bool delete(const request_t *request, response_t *response, fault_t *fault) {
  text_t key;
  if (!place(request, &key, fault)) return false;
  innkeeper_engine_storage_storage_error_t error;
  if (!innkeeper_engine_storage_delete(&key, &error)) return storage_failed(fault, error);
  return nothing(response);
}

static text_t scheme_name(innkeeper_engine_keys_scheme_t scheme) {
  static const char *const hashes[] = {"sha1",     "sha224",   "sha256",   "sha384",  "sha512",
                                       "sha3-224", "sha3-256", "sha3-384", "sha3-512"};
  switch (scheme.tag) {
    case INNKEEPER_ENGINE_KEYS_SCHEME_PKCS1V15:
      return JOIN(text("pkcs1v15-"), text(hashes[scheme.val.pkcs1v15]));
    case INNKEEPER_ENGINE_KEYS_SCHEME_PSS:
      return JOIN(text("pss-"), text(hashes[scheme.val.pss]));
    case INNKEEPER_ENGINE_KEYS_SCHEME_ECDSA:
      return JOIN(text("ecdsa-"), text(hashes[scheme.val.ecdsa]));
    default:
      return text("ed25519");
  }
}

static bool sign(const request_t *request, response_t *response, fault_t *fault) {
  text_t name;
  bytes_t kept, signature, public_key;
  if (!wanted(request, "key", KEY_MAX, KEY_MAX_WORDS, &name, fault)) return false;
  if (!statement(request, &kept, fault)) return false;
  innkeeper_engine_keys_key_error_t error;
  innkeeper_engine_keys_own_key_t own;
  if (!innkeeper_engine_keys_managed(&name, &own, &error)) return key_failed(fault, error);
  innkeeper_engine_keys_borrow_key_t key = innkeeper_engine_keys_borrow_key(own);
  innkeeper_engine_keys_list_scheme_t schemes;
  if (!innkeeper_engine_keys_method_key_schemes(key, &schemes, &error)) return key_failed(fault, error);
  if (schemes.len == 0) return invalid(fault, text("key: cannot sign"));
  innkeeper_engine_keys_scheme_t scheme = schemes.ptr[0];
  if (!innkeeper_engine_keys_method_key_sign(key, &scheme, &kept, &signature, &error)) return key_failed(fault, error);
  if (!innkeeper_engine_keys_method_key_public_key(key, &public_key, &error)) return key_failed(fault, error);
  text_t pem = JOIN(text("-----BEGIN PUBLIC KEY-----\n"), base64(public_key.ptr, public_key.len, 64),
                    text("\n-----END PUBLIC KEY-----\n"));
  return data(response, JOIN(text("{\"signature\":"), quoted(base64(signature.ptr, signature.len, 0)),
                             text(",\"scheme\":"), quoted(scheme_name(scheme)), text(",\"public_key\":"), quoted(pem),
                             text("}")));
}

// The routes and who answers them. The contract's `route` numbers them in this order.
typedef struct {
  operation_t operation;
  const char *about;
  handler_t handler;
  const char *field, *field_about;
} own_action_t;

typedef struct {
  const char *template, *about;
  size_t count;
  own_action_t actions[3];
} own_route_t;

static const own_route_t ROUTES[] = {
    {"statements", "All statements.", 1, {{INNKEEPER_ENGINE_TYPES_OPERATION_LIST, "Names the statements.", list, NULL, NULL}}},
    {"statements/{name}",
     "A statement.",
     3,
     {{INNKEEPER_ENGINE_TYPES_OPERATION_READ, "Reads the statement.", read, NULL, NULL},
      {INNKEEPER_ENGINE_TYPES_OPERATION_UPDATE, "Writes the statement.", write, "text",
       "The statement, 1 to " TEXT_MAX_WORDS " bytes."},
      {INNKEEPER_ENGINE_TYPES_OPERATION_DELETE, "Removes the statement.", delete, NULL, NULL}}},
    {"statements/{name}/sign",
     "Signatures.",
     1,
     {{INNKEEPER_ENGINE_TYPES_OPERATION_UPDATE, "Signs the statement with a managed key.", sign, "key",
       "The name of a managed key that was lent to this mount."}}},
};
#define ROUTES_COUNT (sizeof ROUTES / sizeof ROUTES[0])

static exports_innkeeper_engine_engine_action_t described(const own_action_t *own) {
  exports_innkeeper_engine_engine_action_t action = {.operation = own->operation, .about = text(own->about)};
  if (own->field != NULL) {
    action.fields.len = 1;
    action.fields.ptr = reserve(sizeof action.fields.ptr[0]);
    action.fields.ptr[0] = (exports_innkeeper_engine_engine_field_t){
        .name = text(own->field),
        .kind = EXPORTS_INNKEEPER_ENGINE_ENGINE_FIELD_KIND_TEXT,
        .about = text(own->field_about),
        .required = true,
    };
  }
  return action;
}

// What the contract wants of an engine.

void exports_innkeeper_engine_engine_describe(exports_innkeeper_engine_engine_descriptor_t *ret) {
  memset(ret, 0, sizeof *ret);
  ret->kind = EXPORTS_INNKEEPER_ENGINE_ENGINE_GUEST_KIND_SECRETS_ENGINE;
  ret->name = text("notary-c");
  ret->version = text("0.1.0");
  ret->about = text("Keeps statements and signs them with managed keys; an example in C.");
  ret->routes.len = ROUTES_COUNT;
  ret->routes.ptr = reserve(sizeof ret->routes.ptr[0] * ROUTES_COUNT);
  for (size_t i = 0; i < ROUTES_COUNT; i++) {
    exports_innkeeper_engine_engine_route_t *route = &ret->routes.ptr[i];
    route->template_ = text(ROUTES[i].template);
    route->about = text(ROUTES[i].about);
    route->actions.len = ROUTES[i].count;
    route->actions.ptr = reserve(sizeof route->actions.ptr[0] * ROUTES[i].count);
    for (size_t k = 0; k < ROUTES[i].count; k++) route->actions.ptr[k] = described(&ROUTES[i].actions[k]);
  }
}

bool exports_innkeeper_engine_engine_handle(request_t *request, response_t *ret, fault_t *err) {
  const own_route_t *route = &ROUTES[request->route];
  for (size_t i = 0; i < route->count; i++) {
    if (route->actions[i].operation == request->operation) return route->actions[i].handler(request, ret, err);
  }
  return refuse(err, INNKEEPER_ENGINE_TYPES_FAULT_KIND_UNSUPPORTED_OPERATION, text("there is no such operation"));
}

// Nothing of ours asks for what follows: no action has an existence check, no answer a lease, and it is no auth method.

bool exports_innkeeper_engine_engine_exists(request_t *request, bool *ret, fault_t *err) {
  (void)request, (void)err;
  *ret = false;
  return true;
}

bool exports_innkeeper_engine_engine_tick(innkeeper_engine_types_context_t *context, fault_t *err) {
  (void)context, (void)err;
  return true;
}

bool exports_innkeeper_engine_engine_revoke(innkeeper_engine_types_context_t *context,
                                            innkeeper_engine_types_lease_t *lease, fault_t *err) {
  (void)context, (void)lease, (void)err;
  return true;
}

bool exports_innkeeper_engine_engine_renew(innkeeper_engine_types_context_t *context,
                                           innkeeper_engine_types_lease_t *lease, innkeeper_engine_types_lease_t *ret,
                                           fault_t *err) {
  (void)context, (void)err;
  *ret = *lease;
  return true;
}

bool exports_innkeeper_engine_engine_renew_token(innkeeper_engine_types_context_t *context,
                                                 innkeeper_engine_types_caller_t *caller, text_t *internal,
                                                 innkeeper_engine_types_token_wishes_t *ret, fault_t *err) {
  (void)context, (void)caller, (void)internal, (void)ret;
  return refuse(
      err, INNKEEPER_ENGINE_TYPES_FAULT_KIND_UNSUPPORTED_OPERATION, text("this engine logs nobody in"));
}
