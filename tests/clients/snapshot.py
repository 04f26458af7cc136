"""Saves and restores a server with the stock client hvac.

Environment: VAULT_ADDR, VAULT_TOKEN; there must be a secret at `kept/a`, which is changed and comes back.
"""

import os

import hvac

client = hvac.Client(url=os.environ["VAULT_ADDR"], token=os.environ["VAULT_TOKEN"])
file = client.sys.take_raft_snapshot().content
for restore in (client.sys.restore_raft_snapshot, client.sys.force_restore_raft_snapshot):
    client.write_data("kept/a", data={"is": "changed"})
    assert restore(file).status_code == 204
    assert client.read("kept/a")["data"]["is"] != "changed"
    try:
        restore(file[:-1])
        raise SystemExit("half a file was taken")
    except hvac.exceptions.InvalidRequest as refused:
        assert "breaks off" in str(refused), refused
