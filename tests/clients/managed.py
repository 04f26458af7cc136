"""A managed key of any type through both of its APIs, walked through with the stock client hvac and openssl.

Registers one key over sys/managed-keys and one over sys/external-keys, makes a root from the first and an intermediate
from the second, issues, revokes, asks openssl, signs and verifies through the engine `signer`, then deletes everything
and sees that it is gone. Stops at the first thing that is not as it should be.

Environment: VAULT_ADDR, VAULT_TOKEN; KEY_TYPE is the type, MANAGED the parameters of the first key, CONFIG and EXTERNAL
those of the second one's config and key, each a JSON object; both keys may be made. SECRETS is a JSON list of texts that
no answer may hold.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile

import hvac

KIND = os.environ["KEY_TYPE"]
MANAGED, CONFIG, EXTERNAL, SECRETS = (json.loads(os.environ[n]) for n in ("MANAGED", "CONFIG", "EXTERNAL", "SECRETS"))
folder = tempfile.TemporaryDirectory()
client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])


def step(text):
    print(f"==> {text}", flush=True)


def check(condition, what):
    if not condition:
        sys.exit(f"not as it should be: {what}")


def path(name, text):
    full = os.path.join(folder.name, name)
    with open(full, "w" if isinstance(text, str) else "wb") as file:
        file.write(text)
    return full


def openssl(*arguments, fails=False):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if (done.returncode != 0) != fails:
        sys.exit(f"openssl {' '.join(arguments)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def read(where):
    answer = client.read(where)
    check(answer is not None, f"{where} is there")
    text = json.dumps(answer)
    check(not any(secret in text for secret in SECRETS), f"{where} tells no secret")
    return answer["data"]


def refused(where, **fields):
    try:
        client.write_data(where, data=fields)
    except hvac.exceptions.VaultError as error:
        return str(error)
    sys.exit(f"not as it should be: {where} is refused")


step(f"a managed key of type {KIND}")
client.write_data(f"sys/managed-keys/{KIND}/root-key", data={**MANAGED, "allow_generate_key": "true"})
uuid = read(f"sys/managed-keys/{KIND}/root-key")["UUID"]
client.write_data(f"sys/managed-keys/{KIND}/root-key", data={**MANAGED, "allow_generate_key": True})
check(read(f"sys/managed-keys/{KIND}/root-key")["UUID"] == uuid, "an update keeps the UUID")
other = "pkcs11" if KIND != "pkcs11" else "awskms"
refused(f"sys/managed-keys/{other}/root-key", **MANAGED)
client.write_data(f"sys/managed-keys/{KIND}/root-key/test/sign", data={})

step("an external key, its config first")
client.write_data("sys/external-keys/configs/home", data={"plugin": KIND, **CONFIG})
client.write_data("sys/external-keys/configs/home/keys/int", data={**EXTERNAL, "allow_generate_key": True})
check(read("sys/external-keys/configs/home")["plugin"] == KIND, "the config is of its type")
read("sys/external-keys/configs/home/keys/int")
check(client.list("sys/external-keys/configs")["data"]["keys"] == ["home", "root-key"], "one API sees the other's keys")
check(client.list(f"sys/managed-keys/{KIND}")["data"]["keys"] == ["home:int", "root-key"], "and the other way round")

step("mounts that may use them, and one that may not")
for mount in ("pki-root", "pki-int", "pki-other"):
    client.sys.enable_secrets_engine("pki", path=mount, config={"max_lease_ttl": "87600h"})
said = refused("pki-root/root/generate/kms", common_name="R", managed_key_name="root-key")
check("not lent to this mount" in said, said)
client.write_data("sys/mounts/pki-root/tune", data={"allowed_managed_keys": ["root-key"]})
client.write_data("sys/external-keys/configs/home/keys/int/grants/pki-int", data={})
check(client.list("sys/external-keys/configs/home/keys/int/grants")["data"]["keys"] == ["pki-int/"], "the grant is there")

step("a root and an intermediate, both signed where their keys live")
root = client.write_data(
    "pki-root/root/generate/kms", data={"common_name": "Root", "managed_key_name": "root-key", "ttl": "87600h"}
)["data"]
check("private_key" not in root, "no private key comes out")
request = client.write_data(
    "pki-int/intermediate/generate/kms", data={"common_name": "Issuing", "external_key_ref": "home:int"}
)["data"]
openssl("req", "-noout", "-verify", "-in", path("int.csr", request["csr"]))
signed = client.write_data("pki-root/root/sign-intermediate", data={"csr": request["csr"], "ttl": "43800h"})["data"]
client.write_data("pki-int/intermediate/set-signed", data={"certificate": signed["certificate"]})
said = refused("pki-other/root/generate/kms", common_name="R", managed_key_name="root-key")
check("not lent to this mount" in said, said)

step("a certificate, what openssl says of it, and its revocation")
client.write_data("pki-int/roles/web", data={"allow_any_name": True, "key_type": "ec", "ttl": "1h"})
leaf = client.write_data("pki-int/issue/web", data={"common_name": "www.example.com"})["data"]
chain = ["-CAfile", path("root.pem", root["certificate"]), "-untrusted", path("int.pem", signed["certificate"])]
openssl("verify", *chain, path("leaf.pem", leaf["certificate"]))
client.write_data("pki-int/revoke", data={"serial_number": leaf["serial_number"]})
lists = "\n".join(client.read(f"{mount}/cert/crl")["data"]["certificate"] for mount in ("pki-root", "pki-int"))
lists = path("lists.pem", lists)
said = openssl("verify", "-crl_check_all", "-CRLfile", lists, *chain, path("leaf.pem", leaf["certificate"]), fails=True)
check("certificate revoked" in said, said)

step("signatures over HTTP")
client.sys.enable_secrets_engine("signer", path="signer")
client.write_data("sys/mounts/signer/tune", data={"allowed_managed_keys": ["root-key", "home:int"]})
message = base64.b64encode(b"a message").decode()
for name, reference in (("root", {"managed_key_name": "root-key"}), ("int", {"external_key_ref": "home:int"})):
    client.write_data(f"signer/keys/{name}", data=reference)
    key = read(f"signer/keys/{name}")
    made = client.write_data(f"signer/sign/{name}", data={"input": message})["data"]
    scheme = made["scheme"].split("/")
    verdict = {"input": message, "signature": made["signature"], "hash_algorithm": scheme[-1]}
    if scheme[0] in ("pss", "pkcs1v15"):
        verdict["signature_algorithm"] = scheme[0]
    check(client.write_data(f"signer/verify/{name}", data=verdict)["data"]["valid"], f"{name} verifies")
    verdict["input"] = base64.b64encode(b"another").decode()
    check(not client.write_data(f"signer/verify/{name}", data=verdict)["data"]["valid"], f"{name} verifies no other")
    options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"] if scheme[0] == "pss" else []
    openssl(
        "dgst", "-" + scheme[-1].replace("sha2-", "sha"), *options, "-verify", path("key.pem", key["public_key"]),
        "-signature", path("signature", base64.b64decode(made["signature"])), path("message", b"a message"),
    )

step("health")
health = client.read("sys/managed-keys/health")["data"]
check(health["healthy"] and len(health["keys"]) == 2, health)

step("everything goes, and what was lent is not used any more")
try:
    client.delete(f"sys/managed-keys/{KIND}/root-key")
    sys.exit("not as it should be: a key that a mount lists is not deleted")
except hvac.exceptions.InvalidRequest:
    pass
client.write_data("sys/mounts/pki-root/tune", data={"allowed_managed_keys": ""})
client.write_data("sys/mounts/signer/tune", data={"allowed_managed_keys": "home:int"})
client.delete(f"sys/managed-keys/{KIND}/root-key")
client.delete("sys/external-keys/configs/home")
check(client.read(f"sys/managed-keys/{KIND}/root-key") is None, "the managed key is gone")
check(client.list("sys/external-keys/configs") is None, "so is the config")
said = refused("pki-int/issue/web", common_name="www.example.com")
check("not in this namespace" in said, said)
print(f"a key of type {KIND} was used through both APIs")
