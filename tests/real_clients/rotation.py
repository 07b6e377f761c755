"""A full rotation by clients that nobody here wrote: azure-identity, azure-keyvault-secrets, msal, msgraph-sdk, httpx.

Reads the object that `keyrelay sandbox serve --json` prints from standard input. Nothing of the clients is changed but what their
documentation names for a cloud of one's own.
"""

import asyncio
import datetime
import json
import logging
import os
import socket
import sys
import time

served = json.load(sys.stdin)
# before any client is imported: msal and azure-core read the one, httpx and msgraph-sdk the other
os.environ["REQUESTS_CA_BUNDLE"] = os.environ["SSL_CERT_FILE"] = served["ca_file"]

import httpx  # noqa: E402
import msal  # noqa: E402
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError  # noqa: E402
from azure.identity import ClientSecretCredential  # noqa: E402
from azure.keyvault.secrets import SecretClient  # noqa: E402
from kiota_authentication_azure.azure_identity_authentication_provider import (  # noqa: E402
    AzureIdentityAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient  # noqa: E402
from msgraph.generated.applications.applications_request_builder import ApplicationsRequestBuilder  # noqa: E402
from msgraph.generated.applications.item.add_password.add_password_post_request_body import (  # noqa: E402
    AddPasswordPostRequestBody,
)
from msgraph.generated.applications.item.remove_password.remove_password_post_request_body import (  # noqa: E402
    RemovePasswordPostRequestBody,
)
from msgraph.generated.models.o_data_errors.o_data_error import ODataError  # noqa: E402
from msgraph.generated.models.password_credential import PasswordCredential  # noqa: E402

AUTHORITY, GRAPH, VAULT, TENANT = (served[name] for name in ("authority", "graph", "vault", "tenant_id"))
APP = served["applications"][0]
# changes are seen within 2.5 seconds
PATIENCE = 20
# it warns of each refused sign-in, and some are meant to be
logging.getLogger("azure.identity").setLevel(logging.ERROR)


def secret_of(operator):
    with open(operator["client_secret_file"], encoding="utf-8") as file:
        return file.read()


def credential(client_id, secret):
    return ClientSecretCredential(
        TENANT, client_id, secret, authority=AUTHORITY, disable_instance_discovery=True, connection_timeout=10
    )


def until(what, probe):
    """Asks again until it is so, as everybody must who changes a directory. It is so when it has been so for three seconds: the
    next answer may be another replica's."""
    end = time.monotonic() + PATIENCE
    since = None
    while since is None or time.monotonic() - since < 3:
        now = time.monotonic()
        assert now < end, what
        since = (since or now) if probe() else None
        time.sleep(0.2)


def signs_in(secret):
    """A fresh client each time: msal answers from its cache otherwise."""
    app = msal.ConfidentialClientApplication(
        APP["client_id"], secret, authority=f"{AUTHORITY}/{TENANT}", instance_discovery=False
    )
    answer = app.acquire_token_for_client([f"{GRAPH}/.default"])
    if "access_token" in answer:
        return True
    assert answer["error"] == "invalid_client" and 7000215 in answer["error_codes"], answer["error_codes"]
    return False


async def add_secret(graph):
    page = await graph.applications.with_url(f"{GRAPH}/v1.0/applications?$filter=appId eq '{APP['client_id']}'").get()
    assert [a.id for a in page.value] == [APP["object_id"]], page.value
    before = page.value[0].password_credentials
    assert [p.secret_text for p in before] == [None]
    end = datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc)
    asked = PasswordCredential(display_name="by msgraph-sdk", end_date_time=end)
    made = await graph.applications.by_application_id(APP["object_id"]).add_password.post(
        AddPasswordPostRequestBody(password_credential=asked)
    )
    assert made.secret_text.startswith(made.hint) and len(made.hint) == 3
    assert made.end_date_time == end and made.display_name == "by msgraph-sdk"
    return str(before[0].key_id), made


async def page_through(graph):
    """`$top`, `$select` and `@odata.nextLink`, absolute and on the host that was asked."""
    query = ApplicationsRequestBuilder.ApplicationsRequestBuilderGetQueryParameters(top=2, select=["id", "appId"])
    config = ApplicationsRequestBuilder.ApplicationsRequestBuilderGetRequestConfiguration(query_parameters=query)
    page, seen = await graph.applications.get(request_configuration=config), []
    while True:
        seen += [a.id for a in page.value]
        if not page.odata_next_link:
            break
        assert page.odata_next_link.startswith(f"{GRAPH}/v1.0/applications?"), page.odata_next_link
        page = await graph.applications.with_url(page.odata_next_link).get()
    assert len(seen) == len(set(seen)) >= len(served["applications"]), seen
    assert {a["object_id"] for a in served["applications"]} <= set(seen)


def in_the_vault(vault, value):
    """Set, read back, versions over several pages, disable."""
    name = APP["vault_secret"]
    old = vault.get_secret(name)
    new = vault.set_secret(name, value, content_type="text/plain", tags={"rotated": "yes"})
    assert new.properties.version != old.properties.version and new.properties.vault_url == VAULT, new.id
    read = vault.get_secret(name)
    assert (read.value, read.properties.version, read.properties.tags) == (value, new.properties.version, {"rotated": "yes"})
    assert vault.get_secret(name, old.properties.version).value == old.value
    for nth in range(5):
        vault.set_secret("many", f"value {nth}")
    listed = [v.version for v in vault.list_properties_of_secret_versions("many", max_page_size=2)]
    assert len(set(listed)) == 5 and listed == sorted(listed), listed
    assert {name, "many"} <= {s.name for s in vault.list_properties_of_secrets()}
    vault.update_secret_properties(name, old.properties.version, enabled=False)
    refused = error_of(lambda: vault.get_secret(name, old.properties.version))
    assert refused.status_code == 403 and "SecretDisabled" in str(refused.error.innererror), refused
    assert error_of(lambda: vault.get_secret("no-such-secret")).error.code == "SecretNotFound"
    return old.value


def error_of(call):
    try:
        call()
    except HttpResponseError as error:
        return error
    raise AssertionError("it was not refused")


def delete_and_recover(vault):
    # the pollers' `result` does not wait
    vault.begin_delete_secret("many").wait()
    assert error_of(lambda: vault.set_secret("many", "x")).status_code == 409
    vault.begin_recover_deleted_secret("many").wait()
    assert vault.get_secret("many").value == "value 4"
    vault.begin_delete_secret("many").wait()
    assert "many" in [s.name for s in vault.list_deleted_secrets()]
    vault.purge_deleted_secret("many")
    until("the purge", lambda: isinstance(error_of(lambda: vault.get_deleted_secret("many")), ResourceNotFoundError))


def by_name_with_the_check_on(operator):
    """A vault by its host name: the client compares it with the resource of the challenge, as it does in life."""
    ask = socket.getaddrinfo

    def resolve(host, *rest, **named):
        # what /etc/hosts would say
        return ask("127.0.0.1" if str(host).endswith(".sandbox.localhost") else host, *rest, **named)

    socket.getaddrinfo = resolve
    try:
        vault = SecretClient(served["vaults"][1]["named_url"], operator)
        assert vault.get_secret(APP["vault_secret"]).id.startswith(served["vaults"][1]["named_url"])
    finally:
        socket.getaddrinfo = ask


def refusals():
    """Each operator may do what its name says, and no more."""
    by_name = {o["name"]: o for o in served["operators"]}

    def acting(name):
        return credential(by_name[name]["client_id"], secret_of(by_name[name]))

    reader = SecretClient(VAULT, acting("vault-reader"), verify_challenge_resource=False)
    assert reader.get_secret(APP["vault_secret"]).value
    assert error_of(lambda: reader.set_secret(APP["vault_secret"], "x")).status_code == 403
    nobody = SecretClient(VAULT, acting("nothing"), verify_challenge_resource=False)
    assert "ForbiddenByRbac" in str(error_of(lambda: nobody.get_secret(APP["vault_secret"])).error.innererror)
    other = served["applications"][1]["object_id"]
    with httpx.Client(base_url=f"{GRAPH}/v1.0/") as http:
        for name, path, status in [
            ("owned-by", f"applications/{APP['object_id']}", 200),
            ("owned-by", f"applications/{other}", 403),
            ("reader", f"applications/{other}", 200),
            ("nothing", f"applications/{other}", 403),
        ]:
            token = acting(name).get_token(f"{GRAPH}/.default").token
            answer = http.get(path, headers={"Authorization": f"Bearer {token}"}, params={"$select": "id,appId"})
            assert answer.status_code == status, (name, path, answer.text)
        assert http.get("applications").json()["error"]["code"] == "InvalidAuthenticationToken"
    try:
        credential(APP["client_id"], "wrong").get_token(f"{GRAPH}/.default")
        raise AssertionError("a wrong secret signed in")
    except ClientAuthenticationError as error:
        assert "AADSTS7000215" in str(error), error


async def main():
    operator = credential(served["operator"]["client_id"], secret_of(served["operator"]))
    adapter = GraphRequestAdapter(AzureIdentityAuthenticationProvider(operator, scopes=[f"{GRAPH}/.default"]))
    adapter.base_url = f"{GRAPH}/v1.0"
    graph = GraphServiceClient(request_adapter=adapter)
    vault = SecretClient(VAULT, operator, verify_challenge_resource=False)

    old_key, made = await add_secret(graph)
    await page_through(graph)
    until("the new secret signs in", lambda: signs_in(made.secret_text))
    old_value = in_the_vault(vault, made.secret_text)
    assert signs_in(old_value) and signs_in(made.secret_text), "both work"
    await graph.applications.by_application_id(APP["object_id"]).remove_password.post(
        RemovePasswordPostRequestBody(key_id=old_key)
    )
    until("the old secret is dead", lambda: not signs_in(old_value))
    assert signs_in(vault.get_secret(APP["vault_secret"]).value)
    try:
        await graph.applications.by_application_id(APP["object_id"]).remove_password.post(
            RemovePasswordPostRequestBody(key_id=old_key)
        )
        raise AssertionError("a key ID was removed twice")
    except ODataError as error:
        assert error.response_status_code == 400 and "No password credential found" in error.error.message, error
    left = await graph.applications.by_application_id(APP["object_id"]).get()
    assert [p.key_id for p in left.password_credentials] == [made.key_id]
    delete_and_recover(vault)
    by_name_with_the_check_on(operator)
    refusals()
    print("python: a full rotation")


asyncio.run(main())
