// A full rotation by @azure/identity and @azure/keyvault-secrets, and fetch for Graph.
//
// The file that SERVED names holds the object that `keyrelay sandbox serve --json` prints; NODE_EXTRA_CA_CERTS must name its
// ca_file before node starts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

const served = JSON.parse(readFileSync(process.env.SERVED, "utf8"));
const { authority, graph, vault: vaultUrl, tenant_id: tenant, operator } = served;
const app = served.applications[0];

const credential = (id, secret) =>
  new ClientSecretCredential(tenant, id, secret, { authorityHost: authority, disableInstanceDiscovery: true });
const acting = credential(operator.client_id, readFileSync(operator.client_secret_file, "utf8"));
const vault = new SecretClient(vaultUrl, acting, { disableChallengeResourceVerification: true });

async function onGraph(method, path, body) {
  const { token } = await acting.getToken(`${graph}/.default`);
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(path.startsWith("https:") ? path : `${graph}/v1.0${path}`, {
    method,
    headers,
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, body: text ? JSON.parse(text) : null };
}

// A fresh credential each time: it answers from its cache otherwise.
async function signsIn(secret) {
  try {
    const answer = await credential(app.client_id, secret).getToken(`${graph}/.default`);
    return answer.token.split(".").length === 3;
  } catch (error) {
    assert.match(error.message, /AADSTS7000215/);
    return false;
  }
}

// when it has been so for three seconds: the next answer may be another replica's
async function until(what, probe) {
  const end = Date.now() + 20_000;
  for (let since; since === undefined || Date.now() - since < 3_000; ) {
    const now = Date.now();
    assert.ok(now < end, what);
    since = (await probe()) ? (since ?? now) : undefined;
    await sleep(200);
  }
}

const refusal = async (call) => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  assert.fail("it was not refused");
};

const { body: found } = await onGraph("GET", `/applications?$filter=${encodeURIComponent(`appId eq '${app.client_id}'`)}`);
assert.deepEqual(found.value.map((a) => a.id), [app.object_id]);
const oldKeys = found.value[0].passwordCredentials.map((p) => p.keyId);
const { status, body: made } = await onGraph("POST", `/applications/${app.object_id}/addPassword`, {
  passwordCredential: { displayName: "by node", endDateTime: "2099-01-01T00:00:00Z" },
});
assert.deepEqual([status, made.displayName, made.endDateTime], [200, "by node", "2099-01-01T00:00:00Z"]);
assert.ok(made.secretText.startsWith(made.hint));
await until("the new secret signs in", () => signsIn(made.secretText));

const name = app.vault_secret;
const old = await vault.getSecret(name);
const set = await vault.setSecret(name, made.secretText, { tags: { rotated: "yes" }, contentType: "text/plain" });
const read = await vault.getSecret(name);
assert.deepEqual([read.value, read.properties.version], [made.secretText, set.properties.version]);
assert.equal(read.properties.vaultUrl, vaultUrl);
assert.equal((await vault.getSecret(name, { version: old.properties.version })).value, old.value);
for (let nth = 0; nth < 5; nth += 1) await vault.setSecret("many-js", `value ${nth}`);
const versions = [];
for await (const page of vault.listPropertiesOfSecretVersions("many-js").byPage({ maxPageSize: 2 })) {
  assert.ok(page.length <= 2);
  versions.push(...page.map((v) => v.version));
}
assert.equal(new Set(versions).size, 5);
assert.deepEqual(versions, [...versions].sort());
const names = [];
for await (const secret of vault.listPropertiesOfSecrets()) names.push(secret.name);
assert.ok(names.includes(name) && names.includes("many-js"));

for (const keyId of oldKeys) {
  assert.equal((await onGraph("POST", `/applications/${app.object_id}/removePassword`, { keyId })).status, 204);
}
await until("the old secret is dead", async () => !(await signsIn(old.value)));
assert.ok(await signsIn((await vault.getSecret(name)).value));

await vault.updateSecretProperties(name, old.properties.version, { enabled: false });
const disabled = await refusal(() => vault.getSecret(name, { version: old.properties.version }));
assert.deepEqual([disabled.statusCode, disabled.code], [403, "Forbidden"]);
assert.equal((await refusal(() => vault.getSecret("no-such-secret"))).code, "SecretNotFound");

await (await vault.beginDeleteSecret("many-js")).pollUntilDone();
assert.equal((await refusal(() => vault.setSecret("many-js", "x"))).statusCode, 409);
await (await vault.beginRecoverDeletedSecret("many-js")).pollUntilDone();
assert.equal((await vault.getSecret("many-js")).value, "value 4");
await (await vault.beginDeleteSecret("many-js")).pollUntilDone();
await vault.purgeDeletedSecret("many-js");
assert.equal((await refusal(() => vault.getDeletedSecret("many-js"))).statusCode, 404);
console.log("javascript: a full rotation");
