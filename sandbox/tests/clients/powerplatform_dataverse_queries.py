"""Microsoft's client for Python: FetchXML, expansions, data frames, bulk deletion, batches of everything."""

import pandas
from azure.identity import ClientSecretCredential
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.models import col
from PowerPlatform.Dataverse.models.query_builder import ExpandOption

from operations import SYNC, watch
from sandbox import AUTHORITY, CLIENT_ID, CLIENT_SECRET, TENANT, URL

watch(*SYNC)

credential = ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, **AUTHORITY)

with DataverseClient(URL, credential) as client:
    account_id = client.records.create("account", {"name": "Fetched", "accountnumber": "F-1"})
    names = ["Alpha", "Beta", "Gamma", "Delta", "Epsilon"]
    people = client.records.create(
        "contact",
        [{"lastname": name, "parentcustomerid_account@odata.bind": f"/accounts({account_id})"} for name in names],
    )

    # FetchXML, in pages
    xml = f"""
    <fetch count="2">
      <entity name="contact">
        <attribute name="lastname" />
        <order attribute="lastname" />
        <link-entity name="account" from="accountid" to="parentcustomerid" alias="company">
          <attribute name="name" />
          <filter><condition attribute="accountnumber" operator="eq" value="F-1" /></filter>
        </link-entity>
      </entity>
    </fetch>"""
    rows = list(client.query.fetchxml(xml).execute())
    assert [row["lastname"] for row in rows] == ["Alpha", "Beta", "Delta", "Epsilon", "Gamma"], rows
    assert {row["company.name"] for row in rows} == {"Fetched"}
    pages = list(client.query.fetchxml(xml).execute_pages())
    assert [len(list(page)) for page in pages] == [2, 2, 1], pages

    # Related rows in one request
    company = ExpandOption("parentcustomerid_account").select("name")
    rows = (
        client.query.builder("contact")
        .select("lastname")
        .where(col("lastname") == "Beta")
        .expand(company)
        .include_formatted_values()
        .execute()
    )
    assert [row["parentcustomerid_account"]["name"] for row in rows] == ["Fetched"]
    people_of = ExpandOption("contact_customer_accounts").select("lastname").filter("not startswith(lastname,'a')")
    people_of.order_by("lastname", descending=True).top(2)
    assert "$top=2" in people_of.to_odata()
    fetched = col("name") == "Fetched"
    query = client.query.builder("account").select("name").where(fetched).expand(people_of)
    assert query.build()["filter"] == fetched.to_odata()
    nested = query.execute().first()["contact_customer_accounts"]
    assert [row["lastname"] for row in nested] == ["Gamma", "Epsilon"], nested
    found = client.records.retrieve("account", account_id, select=["name"], expand=["primarycontactid"])
    assert found["primarycontactid"] is None
    expands = client.query.odata_expands("contact")
    assert any(expand["nav_property"] == "parentcustomerid_account" for expand in expands), expands[:3]
    bound = client.query.odata_bind("contact", "account", account_id)
    assert list(bound.values()) == [f"/accounts({account_id})"], bound

    # Data frames
    frame = pandas.DataFrame([{"name": "Frame 1", "revenue": 1.5}, {"name": "Frame 2", "revenue": 2.5}])
    frame["accountid"] = client.dataframe.create("account", frame)
    frame["telephone1"] = ["555-1", "555-2"]
    client.dataframe.update("account", frame[["accountid", "telephone1"]], id_column="accountid")
    listed = client.records.list("account", filter="startswith(name,'Frame')", select=["name", "telephone1"], orderby=["name"])
    assert [row["telephone1"] for row in listed] == ["555-1", "555-2"], listed
    client.dataframe.delete("account", frame["accountid"], use_bulk_delete=False)

    # Deletion in the background
    job = client.records.delete("contact", people)
    assert job, "a job was started"
    assert client.records.list("contact", filter=f"_parentcustomerid_value eq {account_id}", select=["lastname"]).to_dataframe().empty

    # A batch of everything
    batch = client.batch.new()
    batch.records.create("account", [{"name": "Many 1"}, {"name": "Many 2"}])
    batch.records.list("account", filter="startswith(name,'Many')", select=["name"])
    batch.tables.list()
    result = batch.execute()
    assert not result.has_errors, [response.error_message for response in result.failed]
    assert {row["name"] for row in result.responses[1].data["value"]} == {"Many 1", "Many 2"}
