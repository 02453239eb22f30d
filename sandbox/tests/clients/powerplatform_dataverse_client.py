"""Microsoft's client for Python, as its README uses it, over https with azure-identity."""

from azure.identity import ClientSecretCredential
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError
from PowerPlatform.Dataverse.models import UpsertItem, col

from operations import SYNC, watch
from sandbox import AUTHORITY, CLIENT_ID, CLIENT_SECRET, TENANT, URL, admin, refused

watch(*SYNC)

credential = ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, **AUTHORITY)

with DataverseClient(URL, credential) as client:
    # Create, read, update, delete
    account_id = client.records.create("account", {"name": "Contoso Ltd"})
    account = client.records.retrieve("account", account_id, select=["name"])
    assert account["name"] == "Contoso Ltd"
    client.records.update("account", account_id, {"telephone1": "555-0199"})
    assert client.records.retrieve("account", account_id, select=["telephone1"])["telephone1"] == "555-0199"
    client.records.delete("account", account_id)
    assert client.records.retrieve("account", account_id) is None

    # A lookup, by binding
    contact_id = client.records.create("contact", {"firstname": "Ada", "lastname": "Byron"})
    account_id = client.records.create("account", {"name": "Engines"})
    client.records.update("contact", contact_id, {"parentcustomerid_account@odata.bind": f"/accounts({account_id})"})
    contact = client.records.retrieve("contact", contact_id, select=["fullname", "_parentcustomerid_value"])
    assert (contact["fullname"], contact["_parentcustomerid_value"]) == ("Ada Byron", account_id)

    # Bulk
    ids = client.records.create("account", [{"name": f"Company {n}", "revenue": n * 1_000_000} for n in range(7)])
    assert len(set(ids)) == 7
    client.records.update("account", ids, {"industrycode": 1})
    client.records.update("account", ids[:2], [{"telephone1": "1"}, {"telephone1": "2"}])
    client.records.delete("account", ids[:1], use_bulk_delete=False)

    # Query
    results = (
        client.query.builder("account")
        .select("name", "revenue")
        .where(col("statecode") == 0)
        .where(col("revenue") > 1_000_000)
        .order_by("revenue", descending=True)
        .top(3)
        .execute()
    )
    assert [account["name"] for account in results] == ["Company 6", "Company 5", "Company 4"]
    assert list(results.to_dataframe()["revenue"]) == [6_000_000, 5_000_000, 4_000_000]

    chosen = col("telephone1").in_(["2", "none"]) & col("revenue").between(500_000, 1_500_000)
    assert [row["accountid"] for row in client.query.builder("account").select("name").where(chosen).execute()] == ids[1:2]

    pages = list(
        client.query.builder("account")
        .select("name")
        .where(col("industrycode") == 1)
        .order_by("name")
        .page_size(4)
        .execute_pages()
    )
    assert [[row["name"] for row in page] for page in pages] == [
        ["Company 1", "Company 2", "Company 3", "Company 4"],
        ["Company 5", "Company 6"],
    ]
    assert len(client.records.list("account", filter="industrycode eq 1", select=["name"])) == 6

    # Alternate keys and upsert
    client.tables.create_alternate_key("account", "new_number", ["accountnumber"])
    keys = client.tables.get_alternate_keys("account")
    assert [(key.schema_name, key.status) for key in keys if key.schema_name == "new_number"] == [("new_number", "Active")]
    item = UpsertItem(alternate_key={"accountnumber": "ACC-001"}, record={"name": "Contoso Ltd", "telephone1": "555-0100"})
    client.records.upsert("account", [item])
    item = UpsertItem(alternate_key={"accountnumber": "ACC-001"}, record={"telephone1": "555-0101"})
    client.records.upsert("account", [item])
    found = client.records.list("account", filter="accountnumber eq 'ACC-001'", select=["name", "telephone1"])
    assert [(row["name"], row["telephone1"]) for row in found] == [("Contoso Ltd", "555-0101")]

    # Batches and change sets
    batch = client.batch.new()
    batch.records.create("account", {"name": "In a batch"})
    batch.records.update("account", account_id, {"telephone1": "555-0102"})
    batch.records.retrieve("account", account_id, select=["telephone1"])
    batch.tables.get("account")
    result = batch.execute()
    assert not result.has_errors and len(result.entity_ids) >= 1, result
    assert result.responses[2].data["telephone1"] == "555-0102"

    batch = client.batch.new()
    with batch.changeset() as changes:
        new_account = changes.records.create("account", {"name": "Together"})
        changes.records.create(
            "contact", {"lastname": "Together", "parentcustomerid_account@odata.bind": new_account}
        )
        changes.records.update("account", new_account, {"telephone1": "555-0103"})
    assert not batch.execute().has_errors
    found = client.records.list("account", filter="name eq 'Together'", select=["telephone1"])
    assert [row["telephone1"] for row in found] == ["555-0103"]

    batch = client.batch.new()
    with batch.changeset() as changes:
        changes.records.create("account", {"name": "Never"})
        changes.records.update("account", "99999999-0000-4000-8000-000000000001", {"name": "Missing"})
    batch.records.create("account", {"name": "After"})
    result = batch.execute(continue_on_error=True)
    assert result.has_errors and result.failed[0].status_code == 404, result
    names = {row["name"] for row in client.records.list("account", select=["name"])}
    assert "Never" not in names and "After" in names

    # Tables
    table = client.tables.get("account")
    assert (table["table_schema_name"], table["entity_set_name"]) == ("Account", "accounts"), table
    assert client.tables.get("nothing") is None
    assert {"account", "contact", "lead"} <= {table["LogicalName"] for table in client.tables.list()}

    # Errors
    error = refused(HttpError, lambda: client.records.create("account", {"nonsense": 1}))
    assert (error.status_code, error.is_transient) == (400, False), error
    admin("POST", "faults", {"kind": "throttle", "retry_after": 7, "count": 20})
    error = refused(HttpError, lambda: client.records.retrieve("account", account_id))
    assert (error.status_code, error.is_transient, error.details["retry_after"]) == (429, True, 7), error
