// dynamics-web-api: definitions read and written, FetchXML, expansions, relationships of rows.

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

const label = (Label) => ({
  "@odata.type": "Microsoft.Dynamics.CRM.Label",
  LocalizedLabels: [{ "@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", Label, LanguageCode: 1033 }],
});

// A table
const tableId = await api.createEntity({
  data: {
    "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata",
    SchemaName: "new_Bank",
    DisplayName: label("Bank"),
    DisplayCollectionName: label("Banks"),
    OwnershipType: "UserOwned",
    HasActivities: false,
    HasNotes: false,
    Attributes: [
      {
        "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata",
        AttributeType: "String",
        AttributeTypeName: { Value: "StringType" },
        SchemaName: "new_Name",
        IsPrimaryName: true,
        MaxLength: 100,
        FormatName: { Value: "Text" },
        RequiredLevel: { Value: "None", CanBeChanged: true, ManagedPropertyLogicalName: "canmodifyrequirementlevelsettings" },
        DisplayName: label("Name"),
      },
    ],
  },
});
assert.match(tableId, /^[0-9a-f-]{36}$/);
let table = await api.retrieveEntity({ key: tableId });
assert.equal(table.LogicalName, "new_bank");
table.DisplayName.LocalizedLabels[0].Label = "House of money";
await api.updateEntity({ data: table });
table = await api.retrieveEntity({ key: tableId, select: ["DisplayName", "EntitySetName"] });
assert.equal(table.DisplayName.UserLocalizedLabel.Label, "House of money");

// A column
const columnId = await api.createAttribute({
  entityKey: tableId,
  data: {
    "@odata.type": "Microsoft.Dynamics.CRM.IntegerAttributeMetadata",
    AttributeType: "Integer",
    AttributeTypeName: { Value: "IntegerType" },
    SchemaName: "new_Branches",
    MinValue: 0,
    MaxValue: 100,
    RequiredLevel: { Value: "None" },
    DisplayName: label("Branches"),
  },
});
const castType = "Microsoft.Dynamics.CRM.IntegerAttributeMetadata";
const column = await api.retrieveAttribute({ entityKey: tableId, attributeKey: columnId, castType });
assert.deepEqual([column.LogicalName, column.MaxValue], ["new_branches", 100]);
column.MaxValue = 200;
await api.updateAttribute({ entityKey: tableId, castType, data: column });
assert.equal((await api.retrieveAttribute({ entityKey: tableId, attributeKey: columnId, castType })).MaxValue, 200);
assert.ok((await api.retrieveAttributes({ entityKey: tableId, select: ["LogicalName"] })).value.length > 5);

// A global choice
const choiceId = await api.createGlobalOptionSet({
  data: {
    "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata",
    Name: "new_colours",
    IsGlobal: true,
    OptionSetType: "Picklist",
    DisplayName: label("Colours"),
    Options: [{ Value: 1, Label: label("Red") }, { Value: 2, Label: label("Blue") }],
  },
});
const picklist = "Microsoft.Dynamics.CRM.OptionSetMetadata";
const choice = await api.retrieveGlobalOptionSet({ key: choiceId, castType: picklist });
assert.deepEqual(choice.Options.map((option) => option.Value), [1, 2]);
assert.ok((await api.retrieveGlobalOptionSets({ castType: picklist })).value.some((one) => one.Name === "new_colours"));
await api.deleteGlobalOptionSet({ key: choiceId });

// A relationship, and rows along it
const relationId = await api.createRelationship({
  data: {
    "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata",
    SchemaName: "new_account_bank",
    ReferencedEntity: "account",
    ReferencedAttribute: "accountid",
    ReferencingEntity: "new_bank",
    Lookup: {
      "@odata.type": "Microsoft.Dynamics.CRM.LookupAttributeMetadata",
      AttributeType: "Lookup",
      AttributeTypeName: { Value: "LookupType" },
      SchemaName: "new_AccountId",
      DisplayName: label("Account"),
      RequiredLevel: { Value: "None" },
    },
  },
});
const relation = await api.retrieveRelationship({ key: relationId, castType: "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata" });
assert.equal(relation.ReferencingAttribute, "new_accountid");
const all = await api.retrieveRelationships({ castType: "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata", select: ["SchemaName"] });
assert.ok(all.value.some((one) => one.SchemaName === "new_account_bank"));

const account = await api.create({ collection: "accounts", data: { name: "Owner of banks" } });
const banks = [];
for (const name of ["North", "South"]) {
  const data = { new_name: name, new_branches: 7, "new_AccountId@odata.bind": `accounts(${account})` };
  banks.push(await api.create({ collection: table.EntitySetName, data }));
}
const owner = await api.retrieve({
  collection: "accounts",
  key: account,
  select: ["name"],
  expand: [{ property: "new_account_bank", select: ["new_name"], orderBy: ["new_name desc"] }],
});
assert.deepEqual(owner.new_account_bank.map((bank) => bank.new_name), ["South", "North"]);
await api.disassociate({ collection: "accounts", primaryKey: account, relationshipName: "new_account_bank", relatedKey: banks[0] });
await api.associate({
  collection: "accounts",
  primaryKey: account,
  relationshipName: "new_account_bank",
  relatedCollection: table.EntitySetName,
  relatedKey: banks[0],
});
const child = await api.retrieve({ collection: table.EntitySetName, key: banks[0], select: ["new_name", "_new_accountid_value"] });
assert.equal(child._new_accountid_value, account);

// FetchXML
const fetchXml = `<fetch><entity name="new_bank"><attribute name="new_name"/><order attribute="new_name"/>
  <filter><condition attribute="new_branches" operator="eq" value="7"/></filter></entity></fetch>`;
const page = await api.fetch({ collection: table.EntitySetName, fetchXml, pageNumber: 1, includeAnnotations: "*" });
assert.deepEqual(page.value.map((bank) => bank.new_name), ["North", "South"]);
const paged = fetchXml.replace("<fetch>", '<fetch count="1">');
assert.equal((await api.fetchAll({ collection: table.EntitySetName, fetchXml: paged, includeAnnotations: "*" })).value.length, 2);

// A URL of more than 2000 characters goes as a batch
const long = Array.from({ length: 120 }, (_, n) => `new_name eq 'Nobody ${n}'`).join(" or ");
const found = await api.retrieveMultiple({ collection: table.EntitySetName, select: ["new_name"], filter: `${long} or new_name eq 'North'` });
assert.deepEqual(found.value.map((bank) => bank.new_name), ["North"]);

// Duplicates are looked for when asked
const lead = { subject: "Twice", lastname: "Twin", emailaddress1: "twin@example.com" };
await api.create({ collection: "leads", data: lead });
await api.create({ collection: "leads", data: lead });
await assert.rejects(
  api.create({ collection: "leads", data: lead, duplicateDetection: true }),
  (error) => error.code === "0x80040333",
);
await api.create({ collection: "leads", data: lead, bypassCustomPluginExecution: true });

// Somebody else's name
const { value: [marta] } = await api.retrieveMultiple({ collection: "systemusers", select: ["fullname"], filter: "firstname eq 'Marta'" });
const hers = await api.create({ collection: "contacts", data: { lastname: "Hers" }, impersonate: marta.systemuserid, returnRepresentation: true });
assert.equal(hers._createdby_value, marta.systemuserid);

// The service's description
const csdl = await api.retrieveCsdlMetadata();
assert.ok(csdl.includes('EntityType Name="new_bank"'));

await api.deleteRelationship({ key: relationId });
await api.deleteRecord({ collection: "EntityDefinitions", key: tableId });
assert.equal((await api.retrieveEntities({ filter: "LogicalName eq 'new_bank'" })).value.length, 0);
