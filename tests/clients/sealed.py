"""Founding, unsealing, rotating, rekeying and sealing a server with the stock client hvac.

Stops at the first thing that is not as it should be. Environment: VAULT_ADDR, of a server that was never founded;
PGP_KEY, an operator's public key in base64, whose private key GnuPG finds in GNUPGHOME.
"""

import base64
import os
import subprocess
import sys

import hvac


def check(condition, what):
    if not condition:
        sys.exit(f"not as it should be: {what}")


client = hvac.Client(url=os.environ["VAULT_ADDR"])
check(not client.sys.is_initialized(), "a new server is not founded")
made = client.sys.initialize(secret_shares=5, secret_threshold=3)
check(client.sys.is_initialized() and client.sys.is_sealed(), "a founded server is sealed")
check(client.sys.submit_unseal_key(made["keys"][4])["progress"] == 1, "one share came")
client.sys.submit_unseal_keys(made["keys_base64"][:2])
check(not client.sys.is_sealed(), "three shares open it")

client.token = made["root_token"]
client.sys.enable_secrets_engine("kv", "kv", options={"version": "2"})
client.secrets.kv.v2.create_or_update_secret("a", {"is": "kept"}, mount_point="kv")
check(client.sys.get_encryption_key_status()["data"]["term"] == 1, "the first key of the barrier")
client.sys.rotate_encryption_key()
check(client.sys.get_encryption_key_status()["data"]["term"] == 2, "the second key of the barrier")

rekey = client.sys.start_rekey(secret_shares=1, secret_threshold=1, pgp_keys=[os.environ["PGP_KEY"]], backup=True)
nonce = rekey["nonce"]
done = {}
for key in made["keys"][:3]:
    done = client.sys.rekey(key, nonce=nonce)
check(done["complete"] and len(done["keys"]) == 1, "one new share")
check(done["pgp_fingerprints"] == rekey["pgp_fingerprints"], "the share is encrypted to the operator")
backup = client.sys.read_backup_keys()["data"]
check(backup["keys"] == {rekey["pgp_fingerprints"][0]: done["keys"]}, "the encrypted share is kept")
message = base64.b64decode(done["keys_base64"][0])
share = subprocess.run(["gpg", "--batch", "--decrypt"], input=message, capture_output=True, check=True).stdout.decode()

attempt = client.sys.start_root_token_generation()
done_root = client.sys.generate_root(share, attempt["nonce"])
check(done_root["complete"], "a new root token")

client.sys.seal()
check(client.sys.is_sealed(), "it is sealed again")
client.sys.submit_unseal_key(share)
check(not client.sys.is_sealed(), "the new share opens it alone")
read = client.secrets.kv.v2.read_secret_version("a", mount_point="kv", raise_on_deleted_version=False)
check(read["data"]["data"] == {"is": "kept"}, "what was written is there")
print("founded, unsealed, rotated, rekeyed and sealed")
