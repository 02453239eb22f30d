"""Microsoft's client for Python, the one that does not wait."""

import asyncio
import tempfile

import pandas
from azure.identity.aio import ClientSecretCredential
from PowerPlatform.Dataverse.aio import AsyncDataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models import UpsertItem, col
from PowerPlatform.Dataverse.models.labels import Label, LocalizedLabel
from PowerPlatform.Dataverse.models.query_builder import ExpandOption
from PowerPlatform.Dataverse.models.relationship import (
    LookupAttributeMetadata,
    ManyToManyRelationshipMetadata,
    OneToManyRelationshipMetadata,
)

from operations import ASYNC, watch
from sandbox import AUTHORITY, CLIENT_ID, CLIENT_SECRET, TENANT, URL

watch(*ASYNC)


def label(text):
    return Label(localized_labels=[LocalizedLabel(label=text, language_code=1033)])


async def main():
    credential = ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, **AUTHORITY)
    async with credential, AsyncDataverseClient(URL, credential) as client:
        # Rows
        account = await client.records.create("account", {"name": "Contoso Ltd"})
        ids = await client.records.create("account", [{"name": f"Company {n}"} for n in range(5)])
        await client.records.update("account", ids, {"telephone1": "555-1"})
        await client.records.delete("account", ids[0])
        found = await client.records.retrieve("account", ids[1], select=["name", "telephone1"])
        assert (found["name"], found["telephone1"]) == ("Company 1", "555-1"), found
        assert await client.records.retrieve("account", ids[0]) is None
        listed = await client.records.list("account", filter="telephone1 eq '555-1'", select=["name"], orderby=["name"])
        assert [row["name"] for row in listed] == [f"Company {n}" for n in range(1, 5)]
        pages = client.records.list_pages("account", filter="telephone1 eq '555-1'", select=["name"], page_size=3)
        assert [len(list(page)) async for page in pages] == [3, 1]
        try:
            await client.records.create("account", {"nonsense": 1})
            raise AssertionError("refused")
        except HttpError as error:
            assert error.status_code == 400

        # Queries
        rows = await client.query.sql("SELECT name FROM account WHERE telephone1 = '555-1' ORDER BY name DESC")
        assert rows[0]["name"] == "Company 4", rows
        query = client.query.builder("account").select("name").where(col("telephone1") == "555-1").order_by("name")
        assert [row["name"] for row in await query.execute()][0] == "Company 1"
        xml = "<fetch top='2'><entity name='account'><attribute name='name'/><order attribute='name'/></entity></fetch>"
        assert len(list(await client.query.fetchxml(xml).execute())) == 2
        assert [len(list(page)) async for page in client.query.fetchxml(xml).execute_pages()] == [2]
        annotated = client.query.builder("contact").select("lastname").include_annotations("*").count().top(2)
        assert annotated.build()["count"] and len(list(await annotated.execute())) == 2
        named = client.query.builder("account").select("name").where(col("telephone1") == "555-1").page_size(3)
        named.expand(ExpandOption("primarycontactid").select("fullname")).include_formatted_values().order_by("name")
        assert [len(list(page)) async for page in named.execute_pages()] == [3, 1]
        assert any(column["name"] == "name" for column in await client.query.sql_columns("account"))
        assert await client.query.odata_expands("contact")

        # Data frames
        frame = pandas.DataFrame([{"name": "Frame 1"}, {"name": "Frame 2"}])
        frame["accountid"] = await client.dataframe.create("account", frame)
        frame["telephone1"] = ["1", "2"]
        await client.dataframe.update("account", frame[["accountid", "telephone1"]], id_column="accountid")
        told = await client.dataframe.sql("SELECT telephone1 FROM account WHERE name LIKE 'Frame%' ORDER BY telephone1")
        assert list(told["telephone1"]) == ["1", "2"], told
        await client.dataframe.delete("account", frame["accountid"], use_bulk_delete=False)

        # Tables, columns, keys, relationships
        await client.tables.create("new_Gadget", {"new_Code": "string", "new_Size": "int"}, display_name="Gadget")
        await client.tables.add_columns("new_Gadget", {"new_Colour": "string"})
        assert (await client.tables.get("new_Gadget"))["table_logical_name"] == "new_gadget"
        assert await client.tables.list(filter="LogicalName eq 'new_gadget'")
        await client.tables.update_column("new_Gadget", "new_Size", {"max_value": 7})
        await client.tables.update_columns("new_Gadget", {"new_Colour": {"max_length": 50}})
        assert (await client.tables.get_column("new_Gadget", "new_Size", typed=True))["MaxValue"] == 7
        assert await client.tables.list_columns("new_Gadget", select=["LogicalName"])
        await client.tables.create_lookup_field("new_gadget", "new_AccountId", "account", display_name="Account")
        relations = await client.tables.list_table_relationships("new_gadget")
        made = next(one for one in relations if one.get("ReferencingAttribute") == "new_accountid")
        assert await client.tables.list_relationships(filter=f"SchemaName eq '{made['SchemaName']}'")
        relation = await client.tables.get_relationship(made["SchemaName"])
        await client.tables.create_alternate_key("new_Gadget", "new_code_key", ["new_code"])
        item = UpsertItem(alternate_key={"new_code": "G-1"}, record={"new_size": 3})
        await client.records.upsert("new_Gadget", [item])
        keys = await client.tables.get_alternate_keys("new_Gadget")
        await client.tables.delete_alternate_key("new_Gadget", keys[0].metadata_id)
        await client.tables.delete_relationship(relation.relationship_id)
        await client.tables.remove_columns("new_Gadget", ["new_Colour"])
        maker = LookupAttributeMetadata(schema_name="new_MakerId", display_name=label("Maker"))
        one_to_many = OneToManyRelationshipMetadata(
            schema_name="new_account_gadget",
            referenced_entity="account",
            referencing_entity="new_gadget",
            referenced_attribute="accountid",
        )
        await client.tables.create_one_to_many_relationship(maker, one_to_many)
        many_to_many = ManyToManyRelationshipMetadata(
            schema_name="new_gadget_contact", entity1_logical_name="new_gadget", entity2_logical_name="contact"
        )
        await client.tables.create_many_to_many_relationship(many_to_many)
        assert (await client.tables.get_relationship("new_gadget_contact")).relationship_id

        # Files
        with tempfile.NamedTemporaryFile(suffix=".txt") as file:
            file.write(b"hello")
            file.flush()
            await client.files.upload("account", account, "new_Document", file.name)
        assert (await client.records.retrieve("account", account, select=["new_document_name"]))["new_document_name"]

        # Batches and change sets
        batch = client.batch.new()
        batch.records.create("account", {"name": "In a batch"})
        batch.records.retrieve("account", account, select=["name"])
        batch.query.sql("SELECT name FROM account WHERE name = 'In a batch'")
        async with batch.changeset() as changes:
            new = changes.records.create("account", {"name": "Together"})
            changes.records.update("account", new, {"telephone1": "555-9"})
        result = await batch.execute()
        assert not result.has_errors, [one.error_message for one in result.failed]
        assert result.responses[1].data["name"] == "Contoso Ltd"
        await client.tables.delete("new_Gadget")
        await client.flush_cache("picklist")
        await client.aclose()


asyncio.run(main())
