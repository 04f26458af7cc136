// The notary: keeps statements, and signs them with a managed key that it never sees.
//
// An example of an engine in JavaScript. What the host calls is at the end of the file (`engine`); what it offers comes
// in by the names of the contract, see wit/.

import { managed } from "innkeeper:engine/keys@0.1.0";
import * as storage from "innkeeper:engine/storage@0.1.0";

// A statement is short, so that nobody takes this for a place for files. The name becomes a part of a storage key.
const TEXT_MAX = 65536;
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$/;
const KEY_MAX = 256;

// The routes, with a handler for each operation. The contract's `route` numbers them in this order.
const ROUTES = [
  {
    template: "statements",
    about: "All statements.",
    actions: [{ operation: "list", about: "Names the statements.", handler: list }],
  },
  {
    template: "statements/{name}",
    about: "A statement.",
    actions: [
      { operation: "read", about: "Reads the statement.", handler: read },
      {
        operation: "update",
        about: "Writes the statement.",
        handler: write,
        fields: [field("text", "The statement, 1 to 65536 bytes.")],
      },
      { operation: "delete", about: "Removes the statement.", handler: remove },
    ],
  },
  {
    template: "statements/{name}/sign",
    about: "Signatures.",
    actions: [
      {
        operation: "update",
        about: "Signs the statement with a managed key.",
        handler: sign,
        fields: [field("key", "The name of a managed key that was lent to this mount.")],
      },
    ],
  },
];

function list() {
  const keys = [];
  let page;
  do {
    page = stored(() => storage.list("statements/", keys.at(-1), 0));
    keys.push(...page.names);
  } while (page.more);
  return keys.length > 0 ? data({ keys }) : nothing();
}

function read(request) {
  return data({ text: new TextDecoder().decode(statement(request)) });
}

function write(request) {
  const text = new TextEncoder().encode(wanted(request, "text", TEXT_MAX));
  stored(() => storage.put(place(request), text));
  return nothing();
}

function remove(request) {
  stored(() => storage.delete(place(request)));
  return nothing();
}

function sign(request) {
  const name = wanted(request, "key", KEY_MAX);
  const text = statement(request);
  return withKey(() => {
    const key = managed(name);
    const [scheme] = key.schemes();
    if (!scheme) throw fault("invalid-request", "key: cannot sign");
    return data({
      signature: base64(key.sign(scheme, text)),
      scheme: scheme.val ? `${scheme.tag}-${scheme.val}` : scheme.tag,
      public_key: pem(key.publicKey()),
    });
  });
}

// The text of the statement that the path names.
function statement(request) {
  const text = stored(() => storage.get(place(request)));
  if (!text) throw fault("not-found", "there is no statement of this name");
  return text;
}

// Where the statement is kept that the path names.
function place(request) {
  const [, name] = request.captures.find(([capture]) => capture === "name");
  if (!NAME.test(name)) {
    throw fault("invalid-request", "name: must be 1 to 128 letters, digits, '_', '-' and '.', not '.' at the beginning");
  }
  return `statements/${name}`;
}

// A field of the body that must be there: a text of 1 to `max` bytes.
function wanted(request, name, max) {
  const value = JSON.parse(request.body)[name];
  if (value === undefined || value === null) throw fault("invalid-request", `${name}: is missing`);
  if (typeof value !== "string") throw fault("invalid-request", `${name}: must be a string`);
  const length = new TextEncoder().encode(value).length;
  if (length < 1 || length > max) throw fault("invalid-request", `${name}: must have 1 to ${max} bytes`);
  return value;
}

// A refusal. What is thrown out of an export of the contract becomes the `err` of its result.
function fault(kind, message, more = {}) {
  return { kind, messages: [message], detail: undefined, retryAfter: undefined, attempt: undefined, ...more };
}

// Asks the storage. The `err` of an import's result is thrown, as the payload of an error.
function stored(ask) {
  try {
    return ask();
  } catch (error) {
    if (error.payload === undefined) throw error; // none of the storage's: a fault of our own
    if (error.payload === "unavailable") throw fault("unavailable", "storage is unavailable");
    if (error.payload === "too-large") throw fault("too-large", "too large to store");
    throw fault("internal", "internal error", { detail: `storage: ${error.payload}` });
  }
}

// What the kinds of `key-error` mean to whoever asked for a signature; others are our own failure.
const KEY_FAULTS = {
  "not-found": "invalid-request",
  "not-granted": "denied",
  "usage-denied": "denied",
  "denied-by-policy": "denied",
  unsupported: "invalid-request",
  invalid: "invalid-request",
  unavailable: "unavailable",
  timeout: "unavailable",
};

// Uses keys, and says what failed as a fault. The messages of `key-error` are fit to be shown.
function withKey(use) {
  try {
    return use();
  } catch (error) {
    const failure = error.payload;
    if (failure === undefined) throw error;
    throw fault(KEY_FAULTS[failure.kind] ?? "internal", `key: ${failure.message}`, { retryAfter: failure.retryAfter });
  }
}

function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}

function pem(der) {
  const lines = base64(der).replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
}

function answer(payload) {
  return { payload, status: undefined, warnings: [], lease: undefined, headers: [] };
}

function data(value) {
  return answer({ tag: "data", val: JSON.stringify(value) });
}

function nothing() {
  return answer({ tag: "nothing" });
}

function field(name, about) {
  return { name, kind: "text", about, required: true, default: undefined };
}

function describeAction({ operation, about, fields = [] }) {
  return {
    operation,
    about,
    unauthenticated: false,
    sudo: false,
    existenceCheck: false,
    rawBody: false,
    fields,
    responseHeaders: [],
  };
}

// What the contract wants of an engine.
export const engine = {
  describe() {
    return {
      kind: "secrets-engine",
      name: "notary-javascript",
      version: "0.1.0",
      about: "Keeps statements and signs them with managed keys; an example in JavaScript.",
      routes: ROUTES.map((route) => ({ ...route, actions: route.actions.map(describeAction) })),
      wantsTick: false,
    };
  },

  handle(request) {
    const action = ROUTES[request.route].actions.find(({ operation }) => operation === request.operation);
    return action.handler(request);
  },

  // Nothing of ours asks for what follows: no action has an existence check, no answer a lease, and it is no auth method.
  exists: () => false,
  tick: () => undefined,
  revoke: () => undefined,
  renew: (_context, lease) => lease,
  renewToken() {
    throw fault("unsupported-operation", "this engine logs nobody in");
  },
};
