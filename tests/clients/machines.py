"""Logs in with the stock client hvac, by a certificate and by the token of a service account, as machines do.

Prints each step, and stops at the first that is not as it should be.

Environment: VAULT_ADDR (https), VAULT_TOKEN, OWN (the server's certificate), AUTHORITY, CERTIFICATE, KEY (files in PEM),
CLUSTER (URL), CLUSTER_CA (PEM), ACCOUNT_TOKEN.
"""

import os

import hvac
from hvac import exceptions

ADDRESS = os.environ["VAULT_ADDR"]
OWN = os.environ["OWN"]
PAIR = (os.environ["CERTIFICATE"], os.environ["KEY"])
root = hvac.Client(url=ADDRESS, token=os.environ["VAULT_TOKEN"], verify=OWN)


def step(text):
    print(f"==> {text}", flush=True)


def refused(call, kind=exceptions.InvalidRequest):
    try:
        call()
    except kind:
        return
    raise SystemExit("it was not refused")


step("a machine logs in by its certificate")
root.sys.enable_auth_method("cert")
entries = root.auth.cert
with open(os.environ["AUTHORITY"]) as file:
    authority = file.read()
entries.create_ca_certificate_role(
    "machines", certificate=authority, allowed_common_names="ann", token_policies=["default"], token_ttl="20m"
)
assert entries.list_certificate_roles()["data"]["keys"] == ["machines"]
entry = entries.read_ca_certificate_role("machines")["data"]
assert (entry["allowed_common_names"], entry["token_ttl"], entry["display_name"]) == (["ann"], 1200, "machines"), entry
assert entry["certificate"] == authority
entries.configure_tls_certificate()
ann = hvac.Client(url=ADDRESS, verify=OWN, cert=PAIR)
login = ann.auth.cert.login(name="machines", cert_pem=PAIR[0], key_pem=PAIR[1])
assert login["auth"]["metadata"]["common_name"] == "ann", login
assert ann.is_authenticated()
assert ann.auth.token.renew_self()["auth"]["lease_duration"] == 1200
refused(lambda: hvac.Client(url=ADDRESS, verify=OWN, token=ann.token).auth.token.renew_self())
entries.create_ca_certificate_role("machines", certificate=authority, allowed_common_names="bob")
refused(lambda: ann.auth.cert.login(name="machines", cert_pem=PAIR[0], key_pem=PAIR[1], use_token=False))
entries.delete_certificate_role("machines")
refused(lambda: entries.read_ca_certificate_role("machines"), exceptions.InvalidPath)

step("a service account logs in by its token")
root.sys.enable_auth_method("kubernetes")
accounts = root.auth.kubernetes
accounts.configure(
    kubernetes_host=os.environ["CLUSTER"], kubernetes_ca_cert=os.environ["CLUSTER_CA"], token_reviewer_jwt="re.view.er"
)
config = accounts.read_config()
assert config["token_reviewer_jwt_set"] and "token_reviewer_jwt" not in config, config
accounts.create_role(
    "web", ["web"], ["shop"], ttl="20m", policies=["default"], audience="vault", alias_name_source="serviceaccount_name"
)
assert accounts.list_roles()["keys"] == ["web"]
role = accounts.read_role("web")
assert (role["token_ttl"], role["audience"], role["bound_service_account_names"]) == (1200, "vault", ["web"]), role
web = hvac.Client(url=ADDRESS, verify=OWN)
login = web.auth.kubernetes.login("web", os.environ["ACCOUNT_TOKEN"])
assert login["auth"]["metadata"]["service_account_namespace"] == "shop", login
assert web.is_authenticated()
assert web.auth.token.lookup_self()["data"]["display_name"] == "kubernetes-shop-web"
accounts.create_role("web", ["web"], ["office"], audience="vault")
refused(lambda: web.auth.kubernetes.login("web", os.environ["ACCOUNT_TOKEN"]), exceptions.Forbidden)
accounts.delete_role("web")
refused(lambda: web.auth.kubernetes.login("web", os.environ["ACCOUNT_TOKEN"]))
print("the machines came in")
