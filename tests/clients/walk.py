"""The main job, walked through with the stock client hvac, openssl and pkcs11-tool.

A root whose key is made inside a PKCS#11 token and never leaves it, an intermediate that it signs, certificates for
leaves, their revocation, and what openssl says of all of it. Prints each step, and stops at the first that is not as
it should be. `make demo` runs it for people, `make test` runs it as a test.

Environment: VAULT_ADDR, VAULT_TOKEN; TOKEN_MODULE, TOKEN_LABEL and TOKEN_PIN say where the token is; the server must
have a kms_library named `hsm` for it.
"""

import os
import subprocess
import sys
import tempfile

import hvac

NAMESPACE = "team-a"
folder = tempfile.TemporaryDirectory()


def step(text):
    print(f"==> {text}", flush=True)


def path(name, text=None):
    """A file of this walk, written if there is a text."""
    full = os.path.join(folder.name, name)
    if text is not None:
        with open(full, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    return full


def run(*command, fails=False):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if (done.returncode != 0) != fails:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{said}")
    return said


def show(text, words):
    for line in text.splitlines():
        if any(word in line for word in words):
            print(f"    {line.strip()}")


def check(condition, what):
    if not condition:
        sys.exit(f"not as it should be: {what}")


step(f"a namespace, {NAMESPACE}, and in it two mounts of pki")
root_client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])
check(root_client.is_authenticated(), "the token is known")
root_client.sys.create_namespace(path=NAMESPACE)
client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"], namespace=NAMESPACE)
client.sys.enable_secrets_engine(
    "pki", path="pki-root", config={"max_lease_ttl": "87600h", "allowed_managed_keys": ["root-key"]}
)
client.sys.enable_secrets_engine("pki", path="pki-int", config={"max_lease_ttl": "43800h"})
check("pki-root/" in client.sys.list_mounted_secrets_engines()["data"], "the mount is listed")

step("a managed key: its name here, its place in the token, and that it may be made there")
client.write_data(
    "sys/managed-keys/pkcs11/root-key",
    data={
        "library": "hsm",
        "token_label": os.environ["TOKEN_LABEL"],
        "pin": os.environ["TOKEN_PIN"],
        "key_label": "root-key",
        "mechanism": "0x1041",
        "curve": "P256",
        "allow_generate_key": "true",
    },
)
record = client.read("sys/managed-keys/pkcs11/root-key")["data"]
check(record["pin"] == "redacted", "the PIN is not given back")
print(f"    UUID {record['UUID']}, mechanism {record['mechanism']}, pin {record['pin']}")
client.write_data("sys/managed-keys/pkcs11/root-key/test/sign", data={})

step("a root whose key was made inside the token")
pki = client.secrets.pki
root = pki.generate_root(
    "kms",
    "Example Root CA",
    extra_params={"managed_key_name": "root-key", "ttl": "87600h", "issuer_name": "root"},
    mount_point="pki-root",
)["data"]
check("private_key" not in root, "a managed key is not given out")
show(run("openssl", "x509", "-noout", "-text", "-in", path("root.pem", root["certificate"])), ["Subject:", "NIST CURVE", "CA:"])

step("what the token says of that key")
token = ["pkcs11-tool", "--module", os.environ["TOKEN_MODULE"], "--token-label", os.environ["TOKEN_LABEL"]]
objects = run(*token, "--login", "--pin", os.environ["TOKEN_PIN"], "--list-objects", "--type", "privkey")
show(objects, ["label:", "Usage:", "Access:"])
check("sensitive" in objects and "never extractable" in objects, "the key is sensitive and never extractable")
check("local" in objects, "the key was made in the token")
check("Usage:      sign\n" in objects, "the key signs and does nothing else")

step("an intermediate, signed by it")
request = pki.generate_intermediate("internal", "Example Issuing CA", extra_params={"key_type": "ec"}, mount_point="pki-int")
signed = pki.sign_intermediate(
    request["data"]["csr"], "Example Issuing CA", extra_params={"ttl": "43800h"}, mount_point="pki-root"
)["data"]
# The chain goes in too, so that the mount can answer it.
pki.set_signed_intermediate("\n".join(signed["ca_chain"]), mount_point="pki-int")
path("intermediate.pem", signed["certificate"])
show(run("openssl", "verify", "-CAfile", path("root.pem"), path("intermediate.pem")), ["OK"])

step("a role, and a certificate with a new key for a web server")
pki.create_or_update_role(
    "web",
    {"allowed_domains": "example.com", "allow_subdomains": "true", "key_type": "ec", "max_ttl": "72h"},
    mount_point="pki-int",
)
leaf = pki.generate_certificate("web", "www.example.com", extra_params={"ttl": "24h"}, mount_point="pki-int")["data"]
check(leaf["private_key"].startswith("-----BEGIN EC PRIVATE KEY-----"), "the leaf's key is handed over")
path("leaf.pem", leaf["certificate"])
path("chain.pem", "\n".join(leaf["ca_chain"]))
verify = ["openssl", "verify", "-CAfile", path("root.pem"), "-untrusted", path("chain.pem")]
show(run(*verify, "-verify_hostname", "www.example.com", path("leaf.pem")), ["OK"])

step("a request made by openssl, signed")
run(
    "openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", path("own.key"), "-out", path("own.csr"),
    "-subj", "/CN=own.example.com", "-addext", "subjectAltName=DNS:own.example.com",
)
pki.create_or_update_role(
    "own", {"allowed_domains": ["example.com"], "allow_subdomains": True, "key_type": "any"}, mount_point="pki-int"
)
with open(path("own.csr"), encoding="utf-8") as file:
    own = pki.sign_certificate("own", file.read(), "own.example.com", mount_point="pki-int")["data"]
path("own.pem", own["certificate"])
show(run(*verify, "-verify_hostname", "own.example.com", path("own.pem")), ["OK"])

step("that one is revoked; openssl reads so from the revocation list, and takes the other one still")
revoked = pki.revoke_certificate(own["serial_number"], mount_point="pki-int")["data"]
check(revoked["state"] == "revoked", "it is revoked")
again = pki.revoke_certificate(own["serial_number"], mount_point="pki-int")["data"]
check(again["revocation_time"] == revoked["revocation_time"], "revoking again changes nothing")
path("int.crl", pki.read_crl(mount_point="pki-int"))
path("root.crl", pki.read_crl(mount_point="pki-root"))
with open(path("crls.pem"), "w", encoding="utf-8") as both:
    for name in ("int.crl", "root.crl"):
        with open(path(name), encoding="utf-8") as file:
            both.write(file.read())
checked = [*verify, "-crl_check_all", "-CRLfile", path("crls.pem")]
show(run(*checked, path("leaf.pem")), ["OK"])
refused = run(*checked, path("own.pem"), fails=True)
check("certificate revoked" in refused, f"openssl sees the revocation: {refused}")
show(refused, ["certificate revoked"])
check(own["serial_number"] in pki.list_certificates(mount_point="pki-int")["data"]["keys"], "it stays listed")

step("the key is refused to a mount that it was not lent to, and to one in another namespace")
for other, where in ((client, "pki-int"), (root_client, "elsewhere")):
    if where == "elsewhere":
        other.sys.enable_secrets_engine("pki", path=where, config={"allowed_managed_keys": ["root-key"]})
    try:
        other.secrets.pki.generate_root("kms", "Stolen", extra_params={"managed_key_name": "root-key"}, mount_point=where)
        sys.exit("not as it should be: the key was used")
    except hvac.exceptions.InvalidRequest as error:
        print(f"    {error.errors[0] if error.errors else error}")

print("==> done: the root's private key never left the token")
