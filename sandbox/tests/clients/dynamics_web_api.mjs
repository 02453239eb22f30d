// dynamics-web-api, as its documentation uses it.

import assert from "node:assert/strict";

import { ClientSecretCredential } from "@azure/identity";
import { DynamicsWebApi } from "dynamics-web-api";

import { watched } from "./operations.mjs";
import { authority, connection } from "./sandbox.mjs";

const { tenant, client_id: clientId, client_secret: secret, https: serverUrl } = connection;
const credential = new ClientSecretCredential(tenant, clientId, secret, authority);

const api = watched(new DynamicsWebApi({
  serverUrl,
  dataApi: { version: "9.2" },
  onTokenRefresh: async () => (await credential.getToken(`${serverUrl}/.default`)).token,
}));

// Functions, of a client with other settings too
const other = watched(api.initializeInstance({ serverUrl, dataApi: { version: "9.1" }, onTokenRefresh: async () => "wrong" }));
await assert.rejects(other.callFunction("WhoAmI"), (error) => error.status === 401);
other.setConfig({ onTokenRefresh: async () => (await credential.getToken(`${serverUrl}/.default`)).token });
assert.match((await other.callFunction("WhoAmI"))["@odata.context"], /v9\.1/);
const who = await api.callFunction("WhoAmI");
assert.match(who.UserId, /^[0-9a-f-]{36}$/);

// Create: the id alone, and the row
const id = await api.create({ collection: "leads", data: { subject: "Test", firstname: "Test", lastname: "Lead" } });
assert.match(id, /^[0-9a-f-]{36}$/);
const made = await api.create({
  collection: "leads",
  data: { subject: "Whole", lastname: "Row", leadsourcecode: 7 },
  returnRepresentation: true,
  select: ["subject", "leadsourcecode"],
});
assert.deepEqual([made.subject, made.leadsourcecode], ["Whole", 7]);

// Retrieve
let lead = await api.retrieve({ collection: "leads", key: id, select: ["fullname", "subject"], includeAnnotations: "*" });
assert.equal(lead.fullname, "Test Lead");
await assert.rejects(
  api.retrieve({ collection: "leads", key: "99999999-0000-4000-8000-000000000001" }),
  (error) => error.status === 404 && error.code === "0x80040217",
);

// Update, with conditions
await api.update({ collection: "leads", key: id, data: { jobtitle: "Engineer" } });
const updated = await api.update({
  collection: "leads",
  key: id,
  data: { jobtitle: "Director" },
  returnRepresentation: true,
  select: ["jobtitle"],
});
assert.equal(updated.jobtitle, "Director");
const stale = updated["@odata.etag"];
await api.update({ collection: "leads", key: id, data: { jobtitle: "Chief" }, ifmatch: stale });
// The client answers a failed condition with false.
assert.equal(await api.update({ collection: "leads", key: id, data: { jobtitle: "Nobody" }, ifmatch: stale }), false);

// One property
await api.updateSingleProperty({ collection: "leads", key: id, fieldValuePair: { subject: "Renamed" } });
lead = await api.retrieve({ collection: "leads", key: id, select: ["subject", "jobtitle"] });
assert.deepEqual([lead.subject, lead.jobtitle], ["Renamed", "Chief"]);
await api.deleteRecord({ collection: "leads", key: id, property: "jobtitle" });
assert.equal((await api.retrieve({ collection: "leads", key: id, select: ["jobtitle"] })).jobtitle, null);

// Upsert
const chosen = "c0de0000-0000-4000-8000-000000000001";
await api.upsert({ collection: "leads", key: chosen, data: { subject: "Upsert", lastname: "One" } });
await api.upsert({ collection: "leads", key: chosen, data: { subject: "Upserted" } });
assert.equal((await api.retrieve({ collection: "leads", key: chosen, select: ["subject"] })).subject, "Upserted");
assert.equal(await api.upsert({ collection: "leads", key: chosen, data: {}, ifnonematch: "*" }), null);

// Many rows
for (const n of [1, 2, 3, 4, 5]) await api.create({ collection: "accounts", data: { name: `Paged ${n}` } });
const query = { collection: "accounts", select: ["name"], filter: "startswith(name,'Paged')", orderBy: ["name"], maxPageSize: 2 };
let page = await api.retrieveMultiple({ ...query, count: true });
assert.equal(page["@odata.count"], 5);
assert.deepEqual(page.value.map((row) => row.name), ["Paged 1", "Paged 2"]);
page = await api.retrieveMultiple(query, page["@odata.nextLink"]);
assert.deepEqual(page.value.map((row) => row.name), ["Paged 3", "Paged 4"]);
assert.equal((await api.retrieveAll(query)).value.length, 5);
assert.equal(await api.count({ collection: "accounts", filter: "startswith(name,'Paged')" }), 5);
assert.equal(await api.countAll({ collection: "accounts", filter: "startswith(name,'Paged')" }), 5);

// Batches and change sets
api.startBatch();
api.create({ collection: "accounts", data: { name: "Batch" }, contentId: "1" });
api.create({ collection: "contacts", data: { lastname: "Batch", "parentcustomerid_account@odata.bind": "$1" } });
const ids = await api.executeBatch();
assert.equal(ids.length, 2);
const child = await api.retrieve({ collection: "contacts", key: ids[1], select: ["_parentcustomerid_value"] });
assert.equal(child._parentcustomerid_value, ids[0]);

api.startBatch();
api.retrieve({ collection: "accounts", key: ids[0], select: ["name"] });
api.callFunction("WhoAmI");
api.update({ collection: "accounts", key: ids[0], data: { name: "Batched" }, inChangeSet: false });
const answers = await api.executeBatch();
assert.equal(answers[0].name, "Batch");
assert.equal(answers[1].UserId, who.UserId);

api.startBatch();
api.create({ collection: "accounts", data: { name: "Rolled back" } });
api.create({ collection: "accounts", data: { nonsense: true } });
await assert.rejects(api.executeBatch(), (errors) => errors[0].status === 400);
assert.equal(await api.count({ collection: "accounts", filter: "name eq 'Rolled back'" }), 0);

// Lookups
await api.associateSingleValued({
  collection: "contacts",
  primaryKey: ids[1],
  navigationProperty: "parentcustomerid_account",
  relatedCollection: "accounts",
  relatedKey: ids[0],
});
await api.disassociateSingleValued({ collection: "contacts", primaryKey: ids[1], navigationProperty: "parentcustomerid_account" });
const freed = await api.retrieve({ collection: "contacts", key: ids[1], select: ["_parentcustomerid_value"] });
assert.equal(freed._parentcustomerid_value, null);

// Collections, one-to-many and many-to-many
await api.associate({
  collection: "accounts",
  primaryKey: ids[0],
  relationshipName: "contact_customer_accounts",
  relatedCollection: "contacts",
  relatedKey: ids[1],
});
const family = await api.retrieve({
  collection: "accounts",
  key: ids[0],
  select: ["name"],
  expand: [
    { property: "contact_customer_accounts", select: ["lastname"], filter: "statecode eq 0", orderBy: ["lastname"], top: 5 },
    { property: "owninguser", select: ["fullname"] },
  ],
});
assert.deepEqual(family.contact_customer_accounts.map((person) => person.lastname), ["Batch"]);
assert.ok(family.owninguser.systemuserid);
const related = await api.retrieve({ collection: "accounts", key: ids[0], navigationProperty: "contact_customer_accounts", select: ["lastname"] });
assert.equal(related.value[0].contactid, ids[1]);
await api.disassociate({ collection: "accounts", primaryKey: ids[0], relationshipName: "contact_customer_accounts", relatedKey: ids[1] });
const parties = await api.retrieveMultiple({
  collection: "accounts",
  filter: "contact_customer_accounts/any(c:c/lastname eq 'Batch')",
});
assert.equal(parties.value.length, 0);

// Deep insert, aggregation
const deep = await api.create({
  collection: "accounts",
  data: { name: "Deep", Account_Tasks: [{ subject: "One" }, { subject: "Two" }], primarycontactid: { lastname: "Deep" } },
});
const sums = await api.retrieveMultiple({
  collection: "tasks",
  apply: `filter(_regardingobjectid_value eq ${deep})/groupby((statecode),aggregate($count as number))`,
});
assert.deepEqual(sums.value.map((group) => group.number), [2]);

// FetchXML
const fetchXml =
  '<fetch count="2"><entity name="account"><attribute name="name"/><order attribute="name"/>' +
  '<filter><condition attribute="name" operator="begins-with" value="Paged"/></filter></entity></fetch>';
const first = await api.fetch({ collection: "accounts", fetchXml, includeAnnotations: "*" });
assert.deepEqual(first.value.map((row) => row.name), ["Paged 1", "Paged 2"]);
const second = await api.fetch({ collection: "accounts", fetchXml, includeAnnotations: "*", pageNumber: 2, pagingCookie: first.PagingInfo.cookie });
assert.deepEqual(second.value.map((row) => row.name), ["Paged 3", "Paged 4"]);
assert.equal((await api.fetchAll({ collection: "accounts", fetchXml, includeAnnotations: "*" })).value.length, 5);

// Actions
const list = await api.create({ collection: "lists", data: { listname: "People", createdfromcode: 2 } });
const added = await api.callAction({ collection: "lists", key: list, actionName: "Microsoft.Dynamics.CRM.AddMemberList", action: { EntityId: ids[1] } });
assert.match(added.Id, /^[0-9a-f-]{36}$/);

// Definitions
const tables = await api.retrieveEntities({ select: ["LogicalName", "EntitySetName"], filter: "LogicalName eq 'contact'" });
assert.equal(tables.value[0].EntitySetName, "contacts");
const key = "LogicalName='contact'";
const table = await api.retrieveEntity({ key, select: ["LogicalName"] });
assert.equal(table.LogicalName, "contact");
const columns = await api.retrieveAttributes({ entityKey: key, select: ["LogicalName"] });
assert.ok(columns.value.some((column) => column.LogicalName === "emailaddress1"));
const choices = await api.retrieveAttributes({
  entityKey: "LogicalName='contact'",
  castType: "Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
  select: ["LogicalName"],
  expand: [{ property: "OptionSet", select: ["Options"] }],
});
assert.ok(choices.value.some((column) => column.OptionSet.Options.length > 0));

// Delete
await api.deleteRecord({ collection: "leads", key: id });
await assert.rejects(api.retrieve({ collection: "leads", key: id }), (error) => error.status === 404);
