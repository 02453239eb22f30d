// What an integrator writes with dynamics-web-api: each event looked up, created and updated with plain calls.

import { readFileSync } from "node:fs";

import { ClientSecretCredential } from "@azure/identity";
import { DynamicsWebApi } from "dynamics-web-api";

const { tenant, client_id: clientId, client_secret: secret, https: serverUrl, admin_url: admin } = JSON.parse(process.env.SANDBOX);
const [warmUp, ...events] = JSON.parse(readFileSync(process.env.EVENTS, "utf8"));

const authority = { authorityHost: serverUrl, disableInstanceDiscovery: true };
const credential = new ClientSecretCredential(tenant, clientId, secret, authority);
const api = new DynamicsWebApi({
  serverUrl,
  dataApi: { version: "9.2" },
  onTokenRefresh: async () => (await credential.getToken(`${serverUrl}/.default`)).token,
});

const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

async function first(collection, key, filter) {
  const { value } = await api.retrieveMultiple({ collection, select: [key], filter, top: 1 });
  return value[0]?.[key];
}

async function person({ participant, event }) {
  const filter = `emailaddress1 eq ${quoted(participant.email)} and statecode eq 0`;
  const contact = await first("contacts", "contactid", filter);
  if (contact) return ["contact", `/contacts(${contact})`];
  const found = await first("leads", "leadid", filter);
  const lead = found ?? (await api.create({
    collection: "leads",
    data: {
      subject: event.name,
      firstname: participant.first_name,
      lastname: participant.last_name,
      emailaddress1: participant.email,
    },
  }));
  return ["lead", `/leads(${lead})`];
}

async function sync(said) {
  const [table, bind] = await person(said);
  const filter = `new_eventid eq ${quoted(said.event.id)} and new_participantid eq ${quoted(said.participant.id)} and new_sessionid eq null`;
  const row = await first("new_eventattendances", "activityid", filter);
  const data = {
    subject: `Registered for ${said.event.name}`,
    new_eventid: said.event.id,
    new_eventname: said.event.name,
    new_participantid: said.participant.id,
    new_registrationstatus: 727000000,
    [`regardingobjectid_${table}_new_eventattendance@odata.bind`]: bind,
  };
  if (row) await api.update({ collection: "new_eventattendances", key: row, data });
  else await api.create({ collection: "new_eventattendances", data });
}

await sync(warmUp);
await fetch(`${admin}/requests`, { method: "DELETE" });

const begun = performance.now();
const work = events.values();
const worker = async () => {
  for (const said of work) await sync(said);
};
await Promise.all(Array.from({ length: Number(process.env.WORKERS) }, worker));
console.log(JSON.stringify({ seconds: (performance.now() - begun) / 1000 }));
