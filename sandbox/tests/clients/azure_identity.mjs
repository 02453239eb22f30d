// @azure/identity: a secret and a certificate, right and wrong.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ClientAssertionCredential, ClientCertificateCredential, ClientSecretCredential } from "@azure/identity";

import { admin, authority, connection } from "./sandbox.mjs";

const { tenant, client_id: clientId, client_secret: secret, https } = connection;
const scope = `${https}/.default`;

async function whoAmI(credential) {
  const { token } = await credential.getToken(scope);
  const answer = await fetch(`${https}/api/data/v9.2/WhoAmI`, { headers: { Authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200);
  return (await answer.json()).UserId;
}

// A secret
const user = await whoAmI(new ClientSecretCredential(tenant, clientId, secret, authority));
await assert.rejects(new ClientSecretCredential(tenant, clientId, "wrong", authority).getToken(scope), /AADSTS7000215/);
await assert.rejects(
  new ClientSecretCredential(tenant, "00000000-0000-4000-8000-00000000000f", secret, authority).getToken(scope),
  /AADSTS700016/,
);
await assert.rejects(
  new ClientSecretCredential(tenant, clientId, secret, authority).getToken("https://nobody.crm.dynamics.com/.default"),
  /AADSTS500011/,
);

// A certificate
const folder = mkdtempSync(join(tmpdir(), "sandbox-clients-"));
const [keyFile, certificateFile, bothFile] = ["key.pem", "certificate.pem", "both.pem"].map((file) => join(folder, file));
execFileSync(
  "openssl",
  ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=js"]
    .concat(["-keyout", keyFile, "-out", certificateFile]),
  { stdio: "pipe" },
);
const certificate = readFileSync(certificateFile, "utf8");
writeFileSync(bothFile, readFileSync(keyFile, "utf8") + certificate);
const certified = () => new ClientCertificateCredential(tenant, clientId, { certificatePath: bothFile }, authority);
await assert.rejects(certified().getToken(scope), /AADSTS700027/);
await admin("POST", `applications/${clientId}/certificates`, { pem: certificate });
assert.equal(await whoAmI(certified()), user);

// An assertion that is none
const nonsense = new ClientAssertionCredential(tenant, clientId, async () => "nonsense", authority);
await assert.rejects(nonsense.getToken(scope), /AADSTS50027/);
