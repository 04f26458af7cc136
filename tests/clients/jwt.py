"""Logs in with the stock client hvac by a JSON Web Token, as workloads do.

Prints each step, and stops at the first that is not as it should be.

Environment: VAULT_ADDR, VAULT_TOKEN; PUBLIC_KEY (PEM), GOOD and LATE (tokens of that key for the audience "vault", one
of them ended), OTHER (a token of another key); JWKS_URL (a key set with the public key).
"""

import os

import hvac
from hvac import exceptions

ADDRESS = os.environ["VAULT_ADDR"]
root = hvac.Client(url=ADDRESS, token=os.environ["VAULT_TOKEN"])
jwt = root.auth.jwt


def step(text):
    print(f"==> {text}", flush=True)


def login(token, role="web"):
    client = hvac.Client(url=ADDRESS)
    return client, client.auth.jwt.jwt_login(role, token)["auth"]


def refused(token, says, role="web"):
    try:
        login(token, role)
    except exceptions.InvalidRequest as error:
        assert says in str(error), error
        return
    raise SystemExit("it was not refused")


step("the method is mounted and told whose signatures to take")
root.sys.enable_auth_method("jwt")
jwt.configure(jwt_validation_pubkeys=[os.environ["PUBLIC_KEY"]], bound_issuer="https://id.example", default_role="web")
config = jwt.read_config()["data"]
assert (config["bound_issuer"], config["default_role"]) == ("https://id.example", "web"), config

step("a role")
jwt.create_role(
    "web",
    user_claim="sub",
    allowed_redirect_uris=[],
    bound_audiences=["vault"],
    bound_claims={"env": ["prod", "stage-*"]},
    bound_claims_type="glob",
    claim_mappings={"env": "environment"},
    groups_claim="groups",
    token_policies=["default"],
    token_ttl="20m",
)
assert jwt.list_roles()["data"]["keys"] == ["web"]
role = jwt.read_role("web")["data"]
assert (role["role_type"], role["bound_audiences"], role["token_ttl"]) == ("jwt", ["vault"], 1200), role

step("a workload logs in, is who its token says, and renews")
client, auth = login(os.environ["GOOD"])
assert auth["metadata"] == {"role": "web", "environment": "stage-1"}, auth
assert client.is_authenticated()
assert client.auth.token.lookup_self()["data"]["display_name"] == "jwt-robot"
assert client.auth.token.renew_self()["auth"]["lease_duration"] == 1200
refused(os.environ["LATE"], "token is expired")
refused(os.environ["OTHER"], "no known key successfully validated the token signature")
refused(os.environ["GOOD"], "could not be found", role="nobody")

step("the keys are looked up at their publisher")
jwt.configure(jwks_url=os.environ["JWKS_URL"])
login(os.environ["GOOD"])
refused(os.environ["OTHER"], "no known key successfully validated the token signature")
jwt.delete_role("web")
refused(os.environ["GOOD"], "could not be found")
print("the workload came in, and nobody else")
