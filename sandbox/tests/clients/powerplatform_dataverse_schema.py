"""Microsoft's client for Python: tables, columns, keys and relationships, as its README defines them."""

from enum import IntEnum

from azure.identity import ClientSecretCredential
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import MetadataError
from PowerPlatform.Dataverse.models.labels import Label, LocalizedLabel
from PowerPlatform.Dataverse.models.relationship import (
    LookupAttributeMetadata,
    ManyToManyRelationshipMetadata,
    OneToManyRelationshipMetadata,
)

from operations import SYNC, watch
from sandbox import AUTHORITY, CLIENT_ID, CLIENT_SECRET, TENANT, URL, refused

watch(*SYNC)


class Priority(IntEnum):
    LOW = 1
    HIGH = 2


def label(text):
    return Label(localized_labels=[LocalizedLabel(label=text, language_code=1033)])


credential = ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, **AUTHORITY)

with DataverseClient(URL, credential) as client:
    # Custom tables with typed columns
    assert client.tables.get("new_Project") is None
    client.tables.create(
        "new_Project",
        {"new_Budget": "money", "new_StartDate": "datetime", "new_Priority": Priority, "new_Count": "int",
         "new_Rate": "decimal", "new_Done": "bool", "new_Notes": "memo"},
        display_name="Project",
    )
    client.tables.create("new_Task", {"new_DueDate": "datetime"}, display_name="Task")
    project = client.tables.get("new_Project")
    assert project["table_schema_name"] == "new_Project" and project["table_logical_name"] == "new_project", project
    refused(MetadataError, lambda: client.tables.create("new_Project", {}))

    client.tables.add_columns("new_Project", {"new_Status": "string"})
    columns = {column["LogicalName"] for column in client.tables.list_columns("new_Project")}
    assert {"new_name", "new_budget", "new_status", "new_priority"} <= columns, columns

    # Rows of them
    row = {"new_Name": "Move", "new_Budget": 12.5, "new_StartDate": "2026-11-22T10:00:00Z", "new_Priority": "High",
           "new_Count": 3, "new_Done": True}
    project_id = client.records.create("new_Project", row)
    found = client.records.retrieve("new_Project", project_id)
    assert (found["new_name"], found["new_priority"], found["new_done"]) == ("Move", 2, True), found

    # Constraints, changed in place and read back
    client.tables.create(
        "new_Feedback",
        {
            "new_Rating": {"type": "int", "min_value": 1, "max_value": 5},
            "new_Comment": {"type": "memo", "max_length": 2000, "display_name": "Comment"},
        },
    )
    client.tables.update_column("new_Feedback", "new_Comment", {"max_length": 4000})
    client.tables.update_columns("new_Feedback", {"new_Rating": {"max_value": 10}, "new_Comment": {"display_name": "Remark"}})
    assert client.tables.get_column("new_Feedback", "new_Comment", typed=True)["MaxLength"] == 4000
    rating = [column for column in client.tables.list_columns("new_Feedback", typed=True) if column["LogicalName"] == "new_rating"]
    assert rating[0]["MaxValue"] == 10, rating

    # Relationships
    client.tables.create_lookup_field(
        referencing_table="new_task",
        lookup_field_name="new_ProjectId",
        referenced_table="new_project",
        display_name="Project",
    )
    task_id = client.records.create(
        "new_Task", {"new_Name": "Pack", "new_ProjectId@odata.bind": f"/new_projects({project_id})"}
    )
    task = client.records.retrieve("new_Task", task_id, select=["new_name", "_new_projectid_value"])
    assert task["_new_projectid_value"] == project_id, task

    made = client.tables.create_one_to_many_relationship(
        LookupAttributeMetadata(schema_name="new_OwnerAccountId", display_name=label("Account")),
        OneToManyRelationshipMetadata(
            schema_name="new_account_project",
            referenced_entity="account",
            referencing_entity="new_project",
            referenced_attribute="accountid",
        ),
    )
    assert client.tables.get_relationship("new_account_project").relationship_id == made.relationship_id
    many = client.tables.create_many_to_many_relationship(
        ManyToManyRelationshipMetadata(
            schema_name="new_project_contact", entity1_logical_name="new_project", entity2_logical_name="contact"
        )
    )
    names = {relation["SchemaName"] for relation in client.tables.list_table_relationships("new_project")}
    assert {"new_account_project", "new_project_contact"} <= names, names
    client.tables.delete_relationship(many.relationship_id)
    assert client.tables.get_relationship("new_project_contact") is None

    # Alternate keys
    client.tables.create_alternate_key("new_Project", "new_project_status", ["new_status"])
    keys = client.tables.get_alternate_keys("new_Project")
    assert [key.schema_name for key in keys] == ["new_project_status"], keys
    client.tables.delete_alternate_key("new_Project", keys[0].metadata_id)
    assert client.tables.get_alternate_keys("new_Project") == []

    # And away with them
    client.tables.remove_columns("new_Project", ["new_Notes"])
    assert "new_notes" not in {column["LogicalName"] for column in client.tables.list_columns("new_Project")}
    client.tables.delete("new_Task")
    client.tables.delete("new_Project")
    assert client.tables.get("new_Project") is None
    refused(MetadataError, lambda: client.tables.delete("new_Project"))
