"""Logs in with the stock client hvac, by a password and by a role, as people and machines do.

Prints each step, and stops at the first that is not as it should be.

Environment: VAULT_ADDR, VAULT_TOKEN.
"""

import os

import hvac
from hvac import exceptions

ADDRESS = os.environ["VAULT_ADDR"]
root = hvac.Client(url=ADDRESS, token=os.environ["VAULT_TOKEN"])


def step(text):
    print(f"==> {text}", flush=True)


def refused(call, kind=exceptions.InvalidRequest):
    try:
        call()
    except kind:
        return
    raise SystemExit("it was not refused")


step("methods are enabled, listed and tuned")
root.sys.enable_auth_method("userpass", description="people")
root.sys.enable_auth_method("approle", path="machines")
methods = root.sys.list_auth_methods()
assert methods["userpass/"]["type"] == "userpass" and methods["machines/"]["type"] == "approle", methods
root.sys.tune_auth_method("userpass", default_lease_ttl="30m", description="staff")
tuning = root.sys.read_auth_method_tuning("userpass")["data"]
assert (tuning["default_lease_ttl"], tuning["description"]) == (1800, "staff"), tuning

step("a person logs in by a password")
people = root.auth.userpass
people.create_or_update_user("ann", password="s3cret", policies="default")
assert people.list_user()["data"]["keys"] == ["ann"]
assert people.read_user("ann")["data"]["policies"] == ["default"]
ann = hvac.Client(url=ADDRESS)
login = ann.auth.userpass.login("ann", "s3cret")
assert login["auth"]["metadata"] == {"username": "ann"}, login
assert ann.is_authenticated()
assert ann.auth.token.lookup_self()["data"]["display_name"] == "userpass-ann"
assert ann.auth.token.renew_self()["auth"]["lease_duration"] == 1800
refused(lambda: hvac.Client(url=ADDRESS).auth.userpass.login("ann", "wrong"))
people.update_password_on_user("ann", password="newer")
refused(lambda: hvac.Client(url=ADDRESS).auth.userpass.login("ann", "s3cret"))
hvac.Client(url=ADDRESS).auth.userpass.login("ann", "newer")
people.delete_user("ann")
refused(lambda: hvac.Client(url=ADDRESS).auth.userpass.login("ann", "newer"))

step("a machine logs in by a role and a secret")
machines = root.auth.approle
at = {"mount_point": "machines"}
machines.create_or_update_approle(
    "web", token_policies=["default"], token_ttl="20m", secret_id_num_uses=2, secret_id_ttl="1h", **at
)
assert machines.list_roles(**at)["data"]["keys"] == ["web"]
role = machines.read_role("web", **at)["data"]
assert (role["token_ttl"], role["secret_id_num_uses"], role["bind_secret_id"]) == (1200, 2, True), role
role_id = machines.read_role_id("web", **at)["data"]["role_id"]
secret = machines.generate_secret_id("web", metadata={"host": "h1"}, **at)["data"]
assert machines.list_secret_id_accessors("web", **at)["data"]["keys"] == [secret["secret_id_accessor"]]
known = machines.read_secret_id("web", secret["secret_id"], **at)["data"]
assert (known["secret_id_num_uses"], known["metadata"]) == (2, {"host": "h1"}), known
web = hvac.Client(url=ADDRESS)
login = web.auth.approle.login(role_id, secret["secret_id"], **at)
assert login["auth"]["metadata"] == {"host": "h1", "role_name": "web"}, login
assert web.is_authenticated()
known = machines.read_secret_id_accessor("web", secret["secret_id_accessor"], **at)["data"]
assert known["secret_id_num_uses"] == 1, known
web.auth.approle.login(role_id, secret["secret_id"], **at)
refused(lambda: web.auth.approle.login(role_id, secret["secret_id"], use_token=False, **at))
custom = machines.create_custom_secret_id("web", "chosen-by-us", **at)["data"]
machines.destroy_secret_id("web", "chosen-by-us", **at)
refused(lambda: web.auth.approle.login(role_id, "chosen-by-us", use_token=False, **at))
machines.update_role_id("web", role_id="web-servers", **at)
assert machines.read_role_id("web", **at)["data"]["role_id"] == "web-servers"
machines.delete_role("web", **at)

step("a token ends with the method that it came of")
root.sys.disable_auth_method("machines")
assert not web.is_authenticated()
print("who may come in came in, and nobody else")
