"""Five steps, as a plain script: no journal, no proof window, no overlap, no way back. Measured beside keyrelay."""

import os
import socket
import ssl
import time

import httpx

PORT = int(os.environ["SANDBOX_PORT"])
TENANT = os.environ["SANDBOX_TENANT"]
OPERATOR = os.environ["SANDBOX_OPERATOR"]
APPLICATION = "5a9db0c5-b111-4000-8000-000000000001"
LOGIN = f"https://login.sandbox.localhost:{PORT}"
GRAPH = f"https://graph.sandbox.localhost:{PORT}/v1.0"
SECRET = f"https://first-vault.vault.sandbox.localhost:{PORT}/secrets/billing-api-client-secret"

real_lookup = socket.getaddrinfo


def loopback(host, *rest, **named):
    return real_lookup("127.0.0.1" if str(host).endswith(".sandbox.localhost") else host, *rest, **named)


socket.getaddrinfo = loopback

with open(os.environ["SANDBOX_OPERATOR_SECRET_FILE"], encoding="utf-8") as file:
    operator_secret = file.read().strip()

client = httpx.Client(verify=ssl.create_default_context(cafile=os.environ["SANDBOX_CA"]), timeout=30)


def token(client_id, secret, scope):
    form = {"client_id": client_id, "client_secret": secret, "scope": scope, "grant_type": "client_credentials"}
    return client.post(f"{LOGIN}/{TENANT}/oauth2/v2.0/token", data=form)


def bearer(scope):
    answer = token(OPERATOR, operator_secret, scope)
    answer.raise_for_status()
    return {"Authorization": "Bearer " + answer.json()["access_token"]}


def signs_in(secret):
    for _ in range(60):
        if token(APPLICATION, secret, "https://graph.sandbox.localhost/.default").status_code == 200:
            return
        time.sleep(0.5)
    raise SystemExit("the value does not sign in")


graph = bearer("https://graph.sandbox.localhost/.default")
vault = bearer("https://vault.sandbox.localhost/.default")

application = client.get(f"{GRAPH}/applications(appId='{APPLICATION}')", headers=graph)
application.raise_for_status()
object_id = application.json()["id"]
before = [c["keyId"] for c in application.json()["passwordCredentials"]]

added = client.post(
    f"{GRAPH}/applications/{object_id}/addPassword",
    headers=graph,
    json={"passwordCredential": {"displayName": "five steps"}},
)
added.raise_for_status()
client.put(f"{SECRET}?api-version=7.4", headers=vault, json={"value": added.json()["secretText"]}).raise_for_status()
served = client.get(f"{SECRET}?api-version=7.4", headers=vault)
served.raise_for_status()
signs_in(served.json()["value"])
for key_id in before:
    removed = client.post(f"{GRAPH}/applications/{object_id}/removePassword", headers=graph, json={"keyId": key_id})
    removed.raise_for_status()
