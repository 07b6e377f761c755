"""How an application's own tests use the sandbox: does our consumer live through a rotation?

    pip install azure-identity azure-keyvault-secrets
    python -m unittest examples/test_consumer.py        (keyrelay must be in PATH)
"""

import json
import os
import subprocess
import unittest

import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient


class Sandbox:
    """A server of its own for each test: with a seed it is the same each time, and nothing stays."""

    def __init__(self, *flags):
        command = ["keyrelay", "sandbox", "serve", "--json", "--profile", "instant", "--seed", "1", *flags]
        self.server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.served = json.loads(self.server.stdout.readline())
        # what requests, msal and azure-core trust from now on
        os.environ["REQUESTS_CA_BUNDLE"] = self.served["ca_file"]

    def stop(self):
        self.server.terminate()
        self.server.wait()
        self.server.stdout.close()

    def credential(self, client_id, secret):
        tenant, authority = self.served["tenant_id"], self.served["authority"]
        return ClientSecretCredential(tenant, client_id, secret, authority=authority, disable_instance_discovery=True)

    def operator(self):
        operator = self.served["operator"]
        with open(operator["client_secret_file"], encoding="utf-8") as file:
            return self.credential(operator["client_id"], file.read())

    def graph(self, path, body=None):
        """A call of Microsoft Graph by the operator, about the first application."""
        token = self.operator().get_token(f"{self.served['graph']}/.default").token
        url = f"{self.served['graph']}/v1.0/applications/{self.served['applications'][0]['object_id']}{path}"
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.request("POST" if body else "GET", url, json=body, headers=headers, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None


class Consumer:
    """The thing under test: it reads its secret from the vault once, and again when that is refused."""

    def __init__(self, sandbox, vault):
        self.sandbox, self.vault = sandbox, vault
        self.app = sandbox.served["applications"][0]
        self.read()

    def read(self):
        self.secret = self.vault.get_secret(self.app["vault_secret"]).value

    def token(self):
        scope = f"{self.sandbox.served['graph']}/.default"
        try:
            return self.sandbox.credential(self.app["client_id"], self.secret).get_token(scope).token
        except ClientAuthenticationError:
            self.read()
            return self.sandbox.credential(self.app["client_id"], self.secret).get_token(scope).token


class RotationTest(unittest.TestCase):
    def test_the_consumer_lives_through_a_rotation(self):
        sandbox = Sandbox()
        self.addCleanup(sandbox.stop)
        vault = SecretClient(sandbox.served["vault"], sandbox.operator(), verify_challenge_resource=False)
        consumer = Consumer(sandbox, vault)
        self.assertTrue(consumer.token())

        old_key = sandbox.graph("")["passwordCredentials"][0]["keyId"]
        new = sandbox.graph("/addPassword", {"passwordCredential": {"displayName": "by a test"}})
        vault.set_secret(consumer.app["vault_secret"], new["secretText"])
        sandbox.graph("/removePassword", {"keyId": old_key})

        self.assertTrue(consumer.token(), "it reads the vault again")
        self.assertEqual(consumer.secret, new["secretText"])


if __name__ == "__main__":
    unittest.main()
