"""Who may do what, walked through with the stock client hvac: in a child namespace a policy, a login with approle, a
token role, a wrapped secret, a lease renewed and revoked by its prefix; then identity, userpass and audit.

Stops at the first thing that is not as it should be.

Environment: VAULT_ADDR, VAULT_TOKEN, AUDIT_FILE (where a file device may write).
"""

import json
import os
import sys
import time

import hvac
from hvac import exceptions

ADDRESS, ROOT = os.environ["VAULT_ADDR"], os.environ["VAULT_TOKEN"]
AUDIT_FILE = os.environ["AUDIT_FILE"]
SECRET = "a-secret-that-nobody-else-has"

OPERATOR = """
path "kv/*"                     { capabilities = ["create", "read", "update", "delete", "list"] }
path "pki/issue/web"            { capabilities = ["update"] }
path "auth/token/create/short"  { capabilities = ["update"] }
path "sys/leases/renew"         { capabilities = ["update"] }
path "sys/leases/revoke-prefix/pki/*" { capabilities = ["update", "sudo"] }
path "sys/wrapping/wrap"        { capabilities = ["update"] }
"""


def step(text):
    print(f"==> {text}", flush=True)


def check(condition, what):
    if not condition:
        sys.exit(f"not as it should be: {what}")


def client(token=None, namespace="team"):
    return hvac.Client(url=ADDRESS, token=token, namespace=namespace)


def refused(what, act, kind=exceptions.Forbidden):
    try:
        act()
    except kind:
        return
    sys.exit(f"not as it should be: {what} was not refused")


root = client(ROOT, None)
step("an audit device")
root.sys.enable_audit_device("file", path="lines", options={"file_path": AUDIT_FILE})
check("lines/" in root.sys.list_enabled_audit_devices()["data"], "the device is listed")

step("a namespace with a policy")
root.sys.create_namespace("team")
admin = client(ROOT)
admin.sys.create_or_update_policy("operator", OPERATOR)
check("operator" in admin.sys.list_policies()["data"]["policies"], "the policy is listed")
check(admin.sys.read_policy("operator")["data"]["rules"] == OPERATOR, "the policy reads as it was written")
refused("a policy with an unknown capability",
        lambda: admin.sys.create_or_update_policy("bad", 'path "x" { capabilities = ["fly"] }'),
        exceptions.InvalidRequest)

step("engines")
admin.sys.enable_secrets_engine("kv", path="kv")
admin.sys.enable_secrets_engine("pki", path="pki")
admin.write_data("pki/root/generate/internal", data={"common_name": "team root", "ttl": "24h"})
admin.write_data("pki/roles/web", data={"allow_any_name": True, "ttl": "1h", "generate_lease": True, "no_store": False})

step("a login with approle")
admin.sys.enable_auth_method("approle")
check("approle/" in admin.sys.list_auth_methods()["data"], "the method is listed")
admin.auth.approle.create_or_update_approle("robot", token_policies=["operator"], token_ttl="10m", token_max_ttl="1h")
role = admin.auth.approle.read_role_id("robot")["data"]["role_id"]
secret = admin.auth.approle.generate_secret_id("robot", metadata={"from": "walk"})["data"]["secret_id"]
refused("a wrong secret id", lambda: client().auth.approle.login(role, "wrong"), exceptions.InvalidRequest)
robot = client()
login = robot.auth.approle.login(role, secret)["auth"]
check(login["token_policies"] == ["default", "operator"], f"the login has the role's policies: {login}")
check(robot.is_authenticated(), "the token is live")
about = robot.auth.token.lookup_self()["data"]
check(about["meta"]["role_name"] == "robot" and 0 < about["ttl"] <= 600, f"the token knows where it is from: {about}")

step("what the policy permits, and nothing else")
robot.secrets.kv.v1.create_or_update_secret("seed", secret={"value": SECRET}, mount_point="kv")
check(robot.secrets.kv.v1.read_secret("seed", mount_point="kv")["data"]["value"] == SECRET, "what was written is read")
refused("the list of mounts", robot.sys.list_mounted_secrets_engines)
refused("the parent's namespace", lambda: client(robot.token, None).read("kv/seed"))
capabilities = robot.sys.get_capabilities(["kv/seed", "sys/mounts"])["data"]
check(sorted(capabilities["kv/seed"]) == ["create", "delete", "list", "read", "update"], f"{capabilities}")
check(capabilities["sys/mounts"] == ["deny"], f"{capabilities}")

step("a token role")
admin.auth.token.create_or_update_role("short", allowed_policies=["default"], orphan=True, token_explicit_max_ttl="5m")
child = robot.auth.token.create(role_name="short", ttl="1h")["auth"]
check(child["policies"] == ["default"] and child["lease_duration"] <= 300 and child["orphan"], f"the role binds: {child}")
refused("more than the role allows", lambda: robot.auth.token.create(role_name="short", policies=["operator"]),
        exceptions.InvalidRequest)

step("a wrapped secret")
wrapped = robot.write("sys/wrapping/wrap", wrap_ttl="60s", note=SECRET)["wrap_info"]
check(wrapped["ttl"] == 60, "it waits a minute")
got = client().sys.unwrap(wrapped["token"])
check(got["data"]["note"] == SECRET, f"it is what was wrapped: {got}")
refused("a second unwrapping", lambda: client().sys.unwrap(wrapped["token"]), exceptions.InvalidRequest)

step("leases")
lease = robot.write_data("pki/issue/web", data={"common_name": "a.example"})
check(lease["lease_id"].startswith("pki/issue/web/") and lease["lease_duration"] > 0, f"the certificate is lent: {lease}")
found = admin.sys.read_lease(lease["lease_id"])["data"]
check(found["id"] == lease["lease_id"], "the lease is found")
robot.write_data("pki/issue/web", data={"common_name": "b.example"})
listed = admin.sys.list_leases("pki/issue/web")["data"]["keys"]
check(len(listed) == 2, f"both are listed: {listed}")
refused("the renewal of a certificate", lambda: robot.sys.renew_lease(lease["lease_id"]), exceptions.InvalidRequest)
renewed = robot.auth.token.renew_self(increment="20m")["auth"]
check(600 < renewed["lease_duration"] <= 1200, f"the token is renewed: {renewed}")
robot.sys.revoke_prefix("pki/issue/web")
refused("a revoked lease", lambda: admin.sys.read_lease(lease["lease_id"]), exceptions.InvalidRequest)
serial = lease["data"]["serial_number"]
for _ in range(50):
    if admin.read(f"pki/cert/{serial}")["data"]["revocation_time"] > 0:
        break
    time.sleep(0.1)
check(admin.read(f"pki/cert/{serial}")["data"]["revocation_time"] > 0, "what was lent is revoked")

step("who somebody is")
entity = about["entity_id"]
check(admin.secrets.identity.read_entity(entity)["data"]["aliases"][0]["name"] == role, "the login made an entity")
admin.sys.create_or_update_policy("extra", 'path "sys/mounts" { capabilities = ["read"] }')
group = admin.secrets.identity.create_or_update_group("ops", policies=["extra"], member_entity_ids=[entity])
check(group["data"]["id"], "the group is made")
check("kv/" in robot.sys.list_mounted_secrets_engines()["data"], "the group's policy counts at once")
admin.secrets.identity.delete_group_by_name("ops")
refused("what the group permitted", robot.sys.list_mounted_secrets_engines)

step("a login with userpass")
admin.sys.enable_auth_method("userpass")
admin.auth.userpass.create_or_update_user("ann", password="correct horse", policies=["operator"])
ann = client()
ann.auth.userpass.login("ann", "correct horse")
check(ann.is_authenticated(), "ann is in")
refused("a wrong password", lambda: client().auth.userpass.login("ann", "wrong"), exceptions.InvalidRequest)
admin.auth.userpass.update_password_on_user("ann", password="battery staple")
refused("the old password", lambda: client().auth.userpass.login("ann", "correct horse"), exceptions.InvalidRequest)
client().auth.userpass.login("ann", "battery staple")

step("revocation")
accessor = robot.auth.token.lookup_self()["data"]["accessor"]
admin.auth.token.revoke_accessor(accessor)
check(not robot.is_authenticated(), "the robot is out")
admin.sys.disable_auth_method("userpass")
for _ in range(50):
    if not ann.is_authenticated():
        break
    time.sleep(0.1)
check(not ann.is_authenticated(), "whoever came in through a method leaves with it")

step("what audit says")
lines = [json.loads(line) for line in open(AUDIT_FILE, encoding="utf-8")]
check({line["type"] for line in lines} >= {"request", "response"}, "both halves are there")
whole = json.dumps(lines)
check(SECRET not in whole and secret not in whole and robot.token not in whole, "no secret is there in clear")
hashed = root.sys.calculate_hash("lines", SECRET)["data"]["hash"]
written = [line for line in lines if line["request"].get("path") == "kv/seed"
           and line["request"]["operation"] in ("create", "update")]
check(written and written[0]["request"]["data"]["value"] == hashed, f"the hash of the secret is there: {written[:1]}")
check(written[0]["request"]["namespace"]["path"] == "team/", "with its namespace")
check(written[0]["auth"]["policies"] == ["default", "operator"], f"and who it was: {written[0]['auth']}")
root.sys.disable_audit_device("lines")
print("who may do what is as it should be")
