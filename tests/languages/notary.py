"""An engine of guests/examples, used with the stock client hvac: registered, mounted, and taken through what it does and
what it refuses, with a managed key whose signature openssl verifies.

Stops at the first thing that is not as it should be.

Environment: VAULT_ADDR, VAULT_TOKEN; ENGINE, the name to register it by; COMPONENT, its file; PLUGIN_DIRECTORY, where the
server looks for files; TOKEN_LABEL and TOKEN_PIN of a PKCS#11 token that the server reaches as `hsm`.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time

import hvac
from hvac import exceptions

ENGINE, COMPONENT = os.environ["ENGINE"], os.environ["COMPONENT"]
# What is larger is read from the plugin directory: a body of JSON has at most 8 MiB.
UPLOAD_MAX = 4 << 20
TEXT = 'Grüße, "Welt" \\ 🖋\n\tThe end.'

folder = tempfile.TemporaryDirectory()
client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"], timeout=300)


def step(text):
    print(f"==> {text}", flush=True)


def check(condition, what):
    if not condition:
        sys.exit(f"not as it should be: {what}")


def write(where, **fields):
    answer = client.write_data(f"{ENGINE}/{where}", data=fields)
    return answer["data"] if hasattr(answer, "keys") else None


def refused(kind, word, where, **fields):
    """The write is refused with this status, by words that begin with the field or hold what is wrong."""
    try:
        client.write_data(f"{ENGINE}/{where}", data=fields)
    except exceptions.VaultError as error:
        check(type(error) is kind and word in str(error), f"{where} {fields}: {type(error).__name__}: {error}")
        return
    sys.exit(f"not as it should be: {where} with {fields} is refused")


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False).returncode == 0


def path(name, content):
    full = os.path.join(folder.name, name)
    with open(full, "wb") as file:
        file.write(content)
    return full


with open(COMPONENT, "rb") as file:
    component = file.read()
step(f"{ENGINE}: a component of {len(component) / 1e6:.1f} MB is registered by its digest")
body = {"sha256": hashlib.sha256(component).hexdigest()}
if len(component) <= UPLOAD_MAX:
    body["component"] = base64.b64encode(component).decode()
else:
    shutil.copy(COMPONENT, os.path.join(os.environ["PLUGIN_DIRECTORY"], f"{ENGINE}.wasm"))
    body["command"] = f"{ENGINE}.wasm"
began = time.monotonic()
client.write_data(f"sys/plugins/catalog/secret/{ENGINE}", data=body)
step(f"{ENGINE}: it took the server {time.monotonic() - began:.1f} s")
shown = client.read(f"sys/plugins/catalog/secret/{ENGINE}")["data"]
check(shown["says_name"] == ENGINE, f"the component says its name: {shown['says_name']}")
ours = sorted(name for name in shown["imports"] if name.startswith("innkeeper:"))
check(
    ours == [f"innkeeper:engine/{name}@0.1.0" for name in ("keys", "storage", "types")],
    f"of the contract it imports what it uses: {ours}",
)
client.sys.enable_secrets_engine(ENGINE, path=ENGINE)

step(f"{ENGINE}: statements are written, read, listed and removed")
check(client.list(f"{ENGINE}/statements") is None, "there are none yet")
check(client.read(f"{ENGINE}/statements/one") is None, "what is not there is not found")
check(write("statements/one", text=TEXT) is None, "a write has nothing to say")
check(client.read(f"{ENGINE}/statements/one")["data"] == {"text": TEXT}, "a text comes back as it was")
write("statements/one", text="x" * 65536)
check(len(client.read(f"{ENGINE}/statements/one")["data"]["text"]) == 65536, "the longest text comes back")
write("statements/one", text=TEXT, other=["y" * 1_000_000] * 7)
for name in ("one", "two", "Three_3.x-"):
    write(f"statements/{name}", text=TEXT)
check(client.list(f"{ENGINE}/statements")["data"] == {"keys": ["Three_3.x-", "one", "two"]}, "all are listed")
client.delete(f"{ENGINE}/statements/two")
client.delete(f"{ENGINE}/statements/two")
check(client.list(f"{ENGINE}/statements")["data"]["keys"] == ["Three_3.x-", "one"], "one is gone")

step(f"{ENGINE}: what is wrong is refused, by the name of the field")
wrong = exceptions.InvalidRequest
refused(wrong, "text: is missing", "statements/one")
refused(wrong, "text: is missing", "statements/one", text=None, other=[1, {"text": "hidden"}])
refused(wrong, "text: must be a string", "statements/one", text=7)
refused(wrong, "text: must be a string", "statements/one", text=["a"])
refused(wrong, "text: must have 1 to 65536 bytes", "statements/one", text="")
refused(wrong, "text: must have 1 to 65536 bytes", "statements/one", text="ü" * 32769)
refused(wrong, "", "statements/one", text="\ud800")
refused(wrong, "name: must be 1 to 128", "statements/.one", text="a")
refused(wrong, "name: must be 1 to 128", f"statements/{'n' * 129}", text="a")
refused(wrong, "name: must be 1 to 128", "statements/a%20b", text="a")
refused(wrong, "key: is missing", "statements/one/sign")
refused(wrong, "key: must have 1 to 256 bytes", "statements/one/sign", key="k" * 257)
refused(exceptions.InvalidPath, "", "statements/nobody/sign", key="any")
check(client.read(f"{ENGINE}/statements/one")["data"] == {"text": TEXT}, "nothing of that changed anything")

step(f"{ENGINE}: a managed key signs a statement")
home = {"library": "hsm", "token_label": os.environ["TOKEN_LABEL"], "pin": os.environ["TOKEN_PIN"]}
kinds = {
    "ec": {"mechanism": "0x1041", "curve": "P256"},
    "rsa": {"mechanism": "0x1", "key_bits": "2048"},
    "pss": {"mechanism": "0xd", "key_bits": "2048"},
}
for kind, more in kinds.items():
    fields = {**home, **more, "key_label": f"{ENGINE}-{kind}", "allow_generate_key": "true"}
    client.write_data(f"sys/managed-keys/pkcs11/{ENGINE}-{kind}", data=fields)
refused(exceptions.Forbidden, "key: ", "statements/one/sign", key=f"{ENGINE}-ec")
client.write_data(f"sys/mounts/{ENGINE}/tune", data={"allowed_managed_keys": [f"{ENGINE}-{kind}" for kind in kinds]})
refused(wrong, "key: ", "statements/one/sign", key="no-such-key")
schemes = {
    "ecdsa-sha256": [],
    "pkcs1v15-sha256": [],
    "pss-sha256": ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"],
}
for kind in kinds:
    signed = write("statements/one/sign", key=f"{ENGINE}-{kind}")
    check(set(signed) == {"signature", "scheme", "public_key"}, f"the answer has three fields: {signed}")
    check(signed["scheme"] in schemes, f"a scheme by its name: {signed['scheme']}")
    print(f"    {signed['scheme']}")
    signature = path("signature", base64.b64decode(signed["signature"], validate=True))
    verify = ["dgst", "-sha256", *schemes[signed["scheme"]]]
    verify += ["-verify", path("public.pem", signed["public_key"].encode()), "-signature", signature]
    check(openssl(*verify, path("text", TEXT.encode())), "openssl says that the key signed the statement")
    check(not openssl(*verify, path("other", b"another statement")), "and no other")

step(f"{ENGINE}: more statements than one page of the store holds")
for number in range(1001):
    write(f"statements/n{number:04}", text="a")
keys = client.list(f"{ENGINE}/statements")["data"]["keys"]
check(keys == ["Three_3.x-", *(f"n{number:04}" for number in range(1001)), "one"], f"all are listed: {len(keys)}")

rounds = 100
began = time.monotonic()
for _ in range(rounds):
    client.read(f"{ENGINE}/statements/one")
print(f"a read takes {(time.monotonic() - began) * 1000 / rounds:.1f} ms")
client.sys.disable_secrets_engine(ENGINE)
print(f"{ENGINE} does what it should")
