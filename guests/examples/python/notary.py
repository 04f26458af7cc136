"""The notary: keeps statements, and signs them with a managed key that it never sees.

An example of an engine in Python. What the host calls is the class `Engine` at the end; what it offers comes in as
modules below `wit_world.imports`. `wit_world` is generated from wit/ while the component is built.
"""

import json
import re
from base64 import b64encode
from dataclasses import dataclass
from typing import Callable, TypeVar

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.engine import Action, Descriptor, Field, FieldKind, GuestKind, Route
from wit_world.imports import keys, storage, types
from wit_world.imports.keys import KeyErrorKind
from wit_world.imports.storage import StorageError
from wit_world.imports.types import FaultKind, Operation, Request, Response

# A statement is short, so that nobody takes this for a place for files. The name becomes a part of a storage key.
TEXT_MAX = 65536
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}", re.ASCII)
KEY_MAX = 256

T = TypeVar("T")


def list_all(_request: Request) -> Response:
    names: list[str] = []
    while True:
        page = stored(storage.list, "statements/", names[-1] if names else None, 0)
        names += page.names
        if not page.more:
            return data({"keys": names}) if names else nothing()


def read(request: Request) -> Response:
    return data({"text": statement(request).decode()})


def write(request: Request) -> Response:
    text = wanted(request, "text", TEXT_MAX)
    stored(storage.put, place(request), text.encode())
    return nothing()


def remove(request: Request) -> Response:
    stored(storage.delete, place(request))
    return nothing()


def sign(request: Request) -> Response:
    name = wanted(request, "key", KEY_MAX)
    text = statement(request)
    key = used(keys.managed, name)
    schemes = used(key.schemes)
    if not schemes:
        raise fault(FaultKind.INVALID_REQUEST, "key: cannot sign")
    return data(
        {
            "signature": b64encode(used(key.sign, schemes[0], text)).decode(),
            "scheme": scheme_name(schemes[0]),
            "public_key": pem(used(key.public_key)),
        }
    )


def statement(request: Request) -> bytes:
    """The text of the statement that the path names."""
    text = stored(storage.get, place(request))
    if text is None:
        raise fault(FaultKind.NOT_FOUND, "there is no statement of this name")
    return text


def place(request: Request) -> str:
    """Where the statement is kept that the path names."""
    name = dict(request.captures)["name"]
    if not NAME.fullmatch(name):
        raise fault(
            FaultKind.INVALID_REQUEST,
            "name: must be 1 to 128 letters, digits, '_', '-' and '.', not '.' at the beginning",
        )
    return f"statements/{name}"


def wanted(request: Request, name: str, most: int) -> str:
    """A field of the body that must be there: a text of 1 to `most` bytes."""
    value = json.loads(request.body).get(name)
    if value is None:
        raise fault(FaultKind.INVALID_REQUEST, f"{name}: is missing")
    if not isinstance(value, str):
        raise fault(FaultKind.INVALID_REQUEST, f"{name}: must be a string")
    if not 1 <= len(value.encode()) <= most:
        raise fault(FaultKind.INVALID_REQUEST, f"{name}: must have 1 to {most} bytes")
    return value


def fault(kind: FaultKind, message: str, detail: str | None = None, retry_after: int | None = None) -> Err:
    """A refusal, to be raised. Leaving an export of the contract it becomes the error of its result."""
    return Err(types.Fault(kind, [message], detail, retry_after, None))


def stored(ask: Callable[..., T], *arguments) -> T:
    """Asks the storage, and says what failed as a fault. The error of an import's result is raised as `Err`."""
    try:
        return ask(*arguments)
    except Err as error:
        match error.value:
            case StorageError.UNAVAILABLE:
                raise fault(FaultKind.UNAVAILABLE, "storage is unavailable") from None
            case StorageError.TOO_LARGE:
                raise fault(FaultKind.TOO_LARGE, "too large to store") from None
            case other:
                raise fault(FaultKind.INTERNAL, "internal error", f"storage: {other.name}") from None


# What the kinds of key errors mean to whoever asked for a signature; others are our own failure.
KEY_FAULTS = {
    KeyErrorKind.NOT_FOUND: FaultKind.INVALID_REQUEST,
    KeyErrorKind.NOT_GRANTED: FaultKind.DENIED,
    KeyErrorKind.USAGE_DENIED: FaultKind.DENIED,
    KeyErrorKind.DENIED_BY_POLICY: FaultKind.DENIED,
    KeyErrorKind.UNSUPPORTED: FaultKind.INVALID_REQUEST,
    KeyErrorKind.INVALID: FaultKind.INVALID_REQUEST,
    KeyErrorKind.UNAVAILABLE: FaultKind.UNAVAILABLE,
    KeyErrorKind.TIMEOUT: FaultKind.UNAVAILABLE,
}


def used(use: Callable[..., T], *arguments) -> T:
    """Uses a key, and says what failed as a fault. The messages of key errors are fit to be shown."""
    try:
        return use(*arguments)
    except Err as error:
        kind = KEY_FAULTS.get(error.value.kind, FaultKind.INTERNAL)
        message, later = error.value.message, error.value.retry_after
        raise fault(kind, f"key: {message}", retry_after=later) from None


def scheme_name(scheme: keys.Scheme) -> str:
    match scheme:
        case keys.Scheme_Pkcs1v15(digest):
            return f"pkcs1v15-{word(digest)}"
        case keys.Scheme_Pss(digest):
            return f"pss-{word(digest)}"
        case keys.Scheme_Ecdsa(digest):
            return f"ecdsa-{word(digest)}"
        case _:
            return "ed25519"


def word(digest: keys.Hash) -> str:
    return digest.name.lower().replace("_", "-")


def pem(der: bytes) -> str:
    text = b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def answer(payload: types.Payload) -> Response:
    return Response(payload, status=None, warnings=[], lease=None, headers=[])


def data(value: dict) -> Response:
    return answer(types.Payload_Data(json.dumps(value)))


def nothing() -> Response:
    return answer(types.Payload_Nothing())


@dataclass
class Handler:
    """One operation on a route, what it is for, and who answers it."""

    operation: Operation
    about: str
    answer: Callable[[Request], Response]
    fields: list[Field]

    def describe(self) -> Action:
        return Action(
            self.operation,
            self.about,
            unauthenticated=False,
            sudo=False,
            existence_check=False,
            raw_body=False,
            fields=self.fields,
            response_headers=[],
        )


def field(name: str, about: str) -> Field:
    return Field(name, FieldKind.TEXT, about, required=True, default=None)


# The routes. The contract's `route` numbers them in this order.
ROUTES = [
    ("statements", "All statements.", [Handler(Operation.LIST, "Names the statements.", list_all, [])]),
    (
        "statements/{name}",
        "A statement.",
        [
            Handler(Operation.READ, "Reads the statement.", read, []),
            Handler(
                Operation.UPDATE,
                "Writes the statement.",
                write,
                [field("text", "The statement, 1 to 65536 bytes.")],
            ),
            Handler(Operation.DELETE, "Removes the statement.", remove, []),
        ],
    ),
    (
        "statements/{name}/sign",
        "Signatures.",
        [
            Handler(
                Operation.UPDATE,
                "Signs the statement with a managed key.",
                sign,
                [field("key", "The name of a managed key that was lent to this mount.")],
            )
        ],
    ),
]


class Engine(exports.Engine):
    """What the contract wants of an engine."""

    def describe(self) -> Descriptor:
        routes = [
            Route(template, about, [handler.describe() for handler in handlers])
            for template, about, handlers in ROUTES
        ]
        about = "Keeps statements and signs them with managed keys; an example in Python."
        return Descriptor(GuestKind.SECRETS_ENGINE, "notary-python", "0.1.0", about, routes, wants_tick=False)

    def handle(self, request: Request) -> Response:
        _, _, handlers = ROUTES[request.route]
        handler = next(handler for handler in handlers if handler.operation == request.operation)
        return handler.answer(request)

    # Nothing of ours asks for what follows: no action has an existence check, no answer a lease, and it is no auth
    # method.

    def exists(self, request: Request) -> bool:
        return False

    def tick(self, context: types.Context) -> None:
        pass

    def revoke(self, context: types.Context, lease: types.Lease) -> None:
        pass

    def renew(self, context: types.Context, lease: types.Lease) -> types.Lease:
        return lease

    def renew_token(self, context: types.Context, caller: types.Caller, internal: str) -> types.TokenWishes:
        raise fault(FaultKind.UNSUPPORTED_OPERATION, "this engine logs nobody in")
