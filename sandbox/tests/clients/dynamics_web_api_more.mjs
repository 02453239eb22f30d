// dynamics-web-api: files, search, work in the background, definitions changed, and rows in less usual ways.

import assert from "node:assert/strict";

import { ClientSecretCredential } from "@azure/identity";
import { DynamicsWebApi } from "dynamics-web-api";

import { watched } from "./operations.mjs";
import { authority, connection } from "./sandbox.mjs";

const { tenant, client_id: clientId, client_secret: secret, https: serverUrl } = connection;
const credential = new ClientSecretCredential(tenant, clientId, secret, authority);
const onTokenRefresh = async () => (await credential.getToken(`${serverUrl}/.default`)).token;
const api = watched(new DynamicsWebApi({ serverUrl, dataApi: { version: "9.2" }, onTokenRefresh }));

const label = (Label) => ({ LocalizedLabels: [{ Label, LanguageCode: 1033 }] });

// Files
await api.createAttribute({
  entityKey: "LogicalName='account'",
  data: { "@odata.type": "Microsoft.Dynamics.CRM.FileAttributeMetadata", SchemaName: "new_Plan", DisplayName: label("Plan") },
});
const account = await api.create({ collection: "accounts", data: { name: "Zephyria Traders", accountnumber: "N-1" } });
const data = Buffer.alloc(5_000_000, "plan");
await api.uploadFile({ collection: "accounts", key: account, fieldName: "new_plan", fileName: "plan.txt", data });
const file = await api.downloadFile({ collection: "accounts", key: account, property: "new_plan" });
assert.deepEqual([file.fileName, file.fileSize], ["plan.txt", data.length]);
assert.ok(data.equals(file.data));
await api.deleteRecord({ collection: "accounts", key: account, property: "new_plan" });
assert.equal((await api.retrieve({ collection: "accounts", key: account, select: ["new_plan"] })).new_plan, null);

// Search, both versions
await api.create({ collection: "contacts", data: { firstname: "Nora", lastname: "Zephyria" } });
const rows = await api.search({ query: { search: "zephyria", returnTotalRecordCount: true, entities: ["account", "contact"] } });
assert.equal(rows.totalrecordcount, 2);
assert.deepEqual(rows.value.map((row) => row["@search.entityname"]).sort(), ["account", "contact"]);
const second = watched(new DynamicsWebApi({ serverUrl, dataApi: { version: "9.2" }, searchApi: { version: "2.0" }, onTokenRefresh }));
const found = await second.query({ query: { search: "zephyria", count: true, entities: [{ name: "account", selectColumns: ["name"] }] } });
assert.deepEqual([found.response.Count, found.response.Value[0].Attributes.name], [1, "Zephyria Traders"]);
assert.equal((await api.suggest("zephyr")).value.length, 2);
assert.match((await second.suggest({ query: { search: "zephyr", top: 1 } })).response.Value[0].Text, /\{crmhit\}Zephyria/);
assert.match((await api.autocomplete("zephyr")).value, /zephyria/);
assert.match((await second.autocomplete("zephyr")).response.Value, /zephyria/);

// In the background
const started = await api.callFunction({ name: "WhoAmI", respondAsync: true });
const status = await api.getBackgroundOperationStatus(started.backgroundOperationId);
assert.deepEqual([status.backgroundOperationStateCode, status.backgroundOperationStatusCode], [3, 30]);
assert.equal(status.UserId, (await api.callFunction("WhoAmI")).UserId);
assert.equal((await api.cancelBackgroundOperation(started.backgroundOperationId)).backgroundOperationStateCode, 3);

// Views
const views = await api.retrieveMultiple({ collection: "savedqueries", select: ["savedqueryid"], filter: "name eq 'Active Accounts'" });
const viewed = await api.retrieveMultiple({ collection: "accounts", savedQuery: views.value[0].savedqueryid });
assert.ok(viewed.value.some((row) => row.name === "Zephyria Traders"));

// Keys, and functions with parameters
// (the client itself defines no keys)
const headers = { Authorization: `Bearer ${await onTokenRefresh()}`, "Content-Type": "application/json" };
const definition = { SchemaName: "new_number", KeyAttributes: ["accountnumber"], DisplayName: label("Number") };
const keys = `${serverUrl}/api/data/v9.2/EntityDefinitions(LogicalName='account')/Keys`;
assert.equal((await fetch(keys, { method: "POST", headers, body: JSON.stringify(definition) })).status, 204);
const keyed = await api.retrieve({ collection: "accounts", key: "accountnumber='N-1'", select: ["name"] });
assert.equal(keyed.accountid, account);
await api.upsert({ collection: "accounts", key: "accountnumber='N-2'", data: { name: "Second" } });
const count = await api.callFunction({ functionName: "RetrieveTotalRecordCount", parameters: { EntityNames: ["account"] } });
assert.equal(count.EntityRecordCountCollection.Keys[0], "account");
const user = (await api.callFunction("WhoAmI")).UserId;
const privileges = await api.callFunction({ collection: "systemusers", key: user, name: "Microsoft.Dynamics.CRM.RetrieveUserPrivileges" });
assert.ok(privileges.RolePrivileges.length > 100);

// Options of choices, definitions updated
const inserted = await api.callAction({
  actionName: "InsertOptionValue",
  action: { EntityLogicalName: "account", AttributeLogicalName: "industrycode", Value: 727000000, Label: label("Events") },
});
assert.equal(inserted.NewOptionValue, 727000000);
await api.update({ collection: "accounts", key: account, data: { industrycode: 727000000 } });
const shown = await api.retrieve({ collection: "accounts", key: account, select: ["industrycode"], includeAnnotations: "*" });
assert.equal(shown.industrycode_Formatted, "Events");
const choice = await api.createGlobalOptionSet({
  data: {
    "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata",
    Name: "new_sizes",
    IsGlobal: true,
    OptionSetType: "Picklist",
    DisplayName: label("Sizes"),
    Options: [{ Value: 1, Label: label("Small") }],
  },
});
const sizes = await api.retrieveGlobalOptionSet({ key: choice });
sizes.DisplayName = label("All sizes");
await api.updateGlobalOptionSet({ data: sizes });
assert.equal((await api.retrieveGlobalOptionSet({ key: choice })).DisplayName.UserLocalizedLabel.Label, "All sizes");
await api.deleteGlobalOptionSet({ key: choice });

const relationship = "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata";
const relation = await api.createRelationship({
  data: {
    "@odata.type": relationship,
    SchemaName: "new_account_lead",
    ReferencedEntity: "account",
    ReferencedAttribute: "accountid",
    ReferencingEntity: "lead",
    Lookup: {
      "@odata.type": "Microsoft.Dynamics.CRM.LookupAttributeMetadata",
      SchemaName: "new_VenueId",
      DisplayName: label("Venue"),
    },
  },
});
const described = await api.retrieveRelationship({ key: relation, castType: relationship });
described.CascadeConfiguration.Delete = "Restrict";
await api.updateRelationship({ data: described, castType: relationship });
await api.create({ collection: "leads", data: { lastname: "Guest", "new_VenueId@odata.bind": `accounts(${account})` } });
await assert.rejects(api.deleteRecord({ collection: "accounts", key: account }), (error) => error.status === 405);

// Change tracking, and a delta
const tracked = await api.retrieveMultiple({ collection: "accounts", select: ["name"], trackChanges: true });
assert.ok(tracked["@odata.deltaLink"]);
await api.create({ collection: "accounts", data: { name: "Later" } });
const delta = await api.retrieveMultiple({ collection: "accounts" }, tracked["@odata.deltaLink"]);
assert.deepEqual(delta.value.map((row) => row.name), ["Later"]);
