"""Microsoft's client for Python: SQL, files, every filter, every way to read, and what batches can do besides."""

import os
import tempfile

import pandas
import requests
from azure.identity import ClientSecretCredential
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models import UpsertItem, col
from PowerPlatform.Dataverse.models.labels import Label, LocalizedLabel
from PowerPlatform.Dataverse.models.relationship import (
    CascadeConfiguration,
    LookupAttributeMetadata,
    ManyToManyRelationshipMetadata,
    OneToManyRelationshipMetadata,
)

from operations import SYNC, watch
from sandbox import AUTHORITY, CLIENT_ID, CLIENT_SECRET, TENANT, URL, refused

watch(*SYNC)

credential = ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, **AUTHORITY)


def label(text):
    return Label(localized_labels=[LocalizedLabel(label=text, language_code=1033)])


def succeeded(batch, **options):
    result = batch.execute(**options)
    assert not result.has_errors, [(one.status_code, one.error_message) for one in result.failed]
    return result


client = DataverseClient(URL, credential)
engines = client.records.create("account", {"name": "Engines", "telephone1": "555-1", "revenue": 10})
looms = client.records.create("account", {"name": "Looms", "revenue": 20})
for lastname, account in [("Byron", engines), ("Babbage", engines), ("Jacquard", looms)]:
    client.records.create("contact", {"lastname": lastname, "parentcustomerid_account@odata.bind": f"/accounts({account})"})

# SQL
rows = client.query.sql("SELECT TOP 10 name, revenue FROM account WHERE revenue >= 10 ORDER BY revenue DESC")
assert [row["name"] for row in rows[:2]] == ["Looms", "Engines"] or len(rows) > 2, rows
rows = client.query.sql(
    "SELECT a.name, COUNT(c.contactid) AS people FROM account a JOIN contact c ON a.accountid = c.parentcustomerid "
    f"WHERE a.accountid IN ('{engines}', '{looms}') GROUP BY a.name ORDER BY people DESC"
)
assert [(row["name"], row["people"]) for row in rows] == [("Engines", 2), ("Looms", 1)], rows
frame = client.dataframe.sql(f"SELECT lastname FROM contact WHERE parentcustomerid = '{engines}' ORDER BY lastname")
assert list(frame["lastname"]) == ["Babbage", "Byron"], frame
refused(HttpError, lambda: client.query.sql("SELECT nothing FROM account"))

# What a table has, for SQL and OData
columns = {column["name"]: column for column in client.query.sql_columns("account")}
assert columns["accountid"]["is_pk"] and "name" in columns, list(columns)[:9]
assert "name" in client.query.odata_select("account")
assert client.query.odata_expand("contact", "account") in {"accountid", "parentcustomerid_account"}

# Every filter
mine = col("accountid").in_([engines, looms])


def found(expression):
    query = client.query.builder("account").select("name").where(mine & expression).order_by("name")
    return [row["name"] for row in query.execute()]


both = ["Engines", "Looms"]
for expression, names in [
    (col("telephone1").is_null(), ["Looms"]),
    (col("telephone1").is_not_null(), ["Engines"]),
    (col("name").not_in(["Looms"]), ["Engines"]),
    (col("revenue").not_between(15, 25), ["Engines"]),
    (col("name").contains("OO"), ["Looms"]),
    (col("name").startswith("eng"), ["Engines"]),
    (col("name").endswith("s"), both),
    (col("name").like("%gin%"), ["Engines"]),
    (col("name").not_like("%gin%"), ["Looms"]),
    (~(col("revenue") <= 10), ["Looms"]),
    ((col("revenue") != 10) | (col("revenue") < 11), both),
]:
    assert found(expression) == names, (expression.to_odata(), found(expression))

# Every way to read
query = client.query.builder("account").select("name").where(mine).order_by("name")
counted = client.query.builder("account").select("name").where(mine).count().execute()
assert len(list(counted)) == 2 and query.execute().first()["name"] == "Engines"
assert list(client.query.builder("account").select("name").where(mine).to_dataframe()["name"])
annotated = client.query.builder("contact").select("lastname", "_parentcustomerid_value").include_annotations("*")
row = annotated.where(col("lastname") == "Jacquard").execute().first()
assert row["_parentcustomerid_value@OData.Community.Display.V1.FormattedValue"] == "Looms", row.to_dict()
pages = client.records.list_pages("contact", filter=f"_parentcustomerid_value eq {engines}", select=["lastname"], orderby=["lastname"], page_size=1)
assert [[row["lastname"] for row in page] for page in pages] == [["Babbage"], ["Byron"]]
listed = client.records.list("account", filter=mine, select=["name"], orderby=["name desc"], top=1, count=True)
assert [row["name"] for row in listed] == ["Looms"]
assert client.records.retrieve("account", engines, select=["name"], include_annotations="*")["name"] == "Engines"
assert client.records.get("account", engines, select=["name"])["name"] == "Engines"
assert sum(len(page) for page in client.records.get("account", filter=f"accountid eq {looms}", select=["name"])) == 1
assert list(client.dataframe.get("account", filter=f"accountid eq {looms}", select=["name"])["name"]) == ["Looms"]
assert client.flush_cache("picklist") >= 0

# Files: the column is made with the first upload
token = credential.get_token(f"{URL}/.default").token


def download(column):
    address = f"{URL}/api/data/v9.2/accounts({engines})/{column}/$value"
    return requests.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=30)


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "contract.pdf")
    content = os.urandom(5_000_000)
    with open(path, "wb") as file:
        file.write(content)
    client.files.upload("account", engines, "new_Contract", path, mime_type="application/pdf")
    answer = download("new_contract")
    assert answer.content == content and answer.headers["mimetype"] == "application/pdf", answer.headers
    client.files.upload("account", engines, "new_Contract", path, mode="chunk", if_none_match=False)
    assert download("new_contract").content == content
    assert client.records.retrieve("account", engines, select=["new_contract_name"])["new_contract_name"] == "contract.pdf"

# Tables: what their script leaves out
client.tables.create("new_Machine", {"new_Power": "int"}, primary_column="new_Title", display_name="Machine", solution="Default")
assert client.tables.get_column("new_Machine", "new_Title")["LogicalName"] == "new_title"
numbers = client.tables.list_columns("new_Machine", select=["LogicalName"], filter="AttributeType eq 'Integer'")
assert "new_power" in [column["LogicalName"] for column in numbers], numbers
assert client.tables.list(filter="LogicalName eq 'new_machine'", select=["LogicalName"])[0]["LogicalName"] == "new_machine"
made = client.tables.create_one_to_many_relationship(
    LookupAttributeMetadata(schema_name="new_MakerId", display_name=label("Maker")),
    OneToManyRelationshipMetadata(
        schema_name="new_account_machine",
        referenced_entity="account",
        referencing_entity="new_machine",
        referenced_attribute="accountid",
        cascade_configuration=CascadeConfiguration(delete="Cascade"),
    ),
)
relations = client.tables.list_relationships(filter="SchemaName eq 'new_account_machine'", select=["SchemaName"])
assert [relation["SchemaName"] for relation in relations] == ["new_account_machine"], relations
machine = client.records.create("new_Machine", {"new_Title": "Difference", "new_MakerId@odata.bind": f"/accounts({looms})"})
client.records.delete("account", looms)
assert client.records.retrieve("new_Machine", machine) is None, "it goes with its maker"
client.tables.delete_relationship(made.relationship_id)

# Batches of everything else
frame = pandas.DataFrame([{"name": "Row 1"}, {"name": "Row 2"}])
batch = client.batch.new()
batch.dataframe.create("account", frame)
batch.query.sql("SELECT name FROM account WHERE name LIKE 'Row%' ORDER BY name")
batch.records.upsert("account", [UpsertItem(alternate_key={"accountid": engines}, record={"telephone1": "555-2"})])
batch.records.retrieve("account", engines, select=["telephone1"], include_annotations="*")
batch.records.list("account", filter=f"accountid eq {engines}", select=["name"], orderby=["name"], top=1, count=True)
result = batch.execute(continue_on_error=True)
assert [row["name"] for row in result.responses[1].data["value"]] == ["Row 1", "Row 2"], result.responses[1]
ids = [row["accountid"] for row in client.records.list("account", filter="startswith(name,'Row')", select=["accountid"])]
batch = client.batch.new()
batch.dataframe.update("account", pandas.DataFrame([{"accountid": ids[0], "telephone1": "555-3"}]), id_column="accountid")
batch.dataframe.delete("account", pandas.Series(ids[1:]), use_bulk_delete=False)
batch.records.get("account", engines, select=["name"])
batch.records.update("account", [engines], {"telephone1": "555-4"})
batch.records.delete("account", ids[:1])
assert len(succeeded(batch).succeeded) >= 5
assert client.records.list("account", filter="startswith(name,'Row')", select=["name"]).first() is None

batch = client.batch.new()
batch.tables.create("new_Part", {"new_Weight": "decimal"}, display_name="Part")
succeeded(batch)
batch = client.batch.new()
batch.tables.add_columns("new_Part", {"new_Colour": "string"})
batch.tables.create_lookup_field("new_part", "new_MachineId", "new_machine", display_name="Machine")
batch.tables.create_one_to_many_relationship(
    LookupAttributeMetadata(schema_name="new_SupplierId", display_name=label("Supplier")),
    OneToManyRelationshipMetadata(
        schema_name="new_account_part",
        referenced_entity="account",
        referencing_entity="new_part",
        referenced_attribute="accountid",
    ),
)
many = ManyToManyRelationshipMetadata(
    schema_name="new_part_contact", entity1_logical_name="new_part", entity2_logical_name="contact"
)
batch.tables.create_many_to_many_relationship(many)
batch.tables.get_relationship("new_part_contact")
batch.tables.list(filter="LogicalName eq 'new_part'", select=["LogicalName"])
batch.tables.get("new_part")
succeeded(batch)
batch = client.batch.new()
batch.tables.remove_columns("new_Part", ["new_Colour"])
batch.tables.delete_relationship(client.tables.get_relationship("new_part_contact").relationship_id)
succeeded(batch)
batch = client.batch.new()
batch.tables.delete("new_Part")
succeeded(batch)
assert client.tables.get("new_Part") is None

batch = client.batch.new()
with batch.changeset() as changes:
    reference = changes.records.create("account", {"name": "Short-lived"})
    changes.records.update("account", reference, {"telephone1": "555-5"})
    changes.records.delete("account", engines)
succeeded(batch)
assert client.records.retrieve("account", engines) is None
client.close()
