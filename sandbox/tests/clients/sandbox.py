"""What a script has to know of the sandbox it is run against."""

import json
import os
import requests

CONNECTION = json.loads(os.environ["SANDBOX"])
URL = CONNECTION["https"]
TENANT = CONNECTION["tenant"]
CLIENT_ID = CONNECTION["client_id"]
CLIENT_SECRET = CONNECTION["client_secret"]

# azure-identity asks Microsoft's cloud about every other authority unless it is told not to.
AUTHORITY = {"authority": URL, "disable_instance_discovery": True}


def admin(method, path, body=None):
    """The admin API: for tests, no part of Dataverse."""
    answer = requests.request(method, f"{CONNECTION['admin_url']}/{path}", json=body, timeout=30)
    assert answer.ok, answer.text
    return answer.json()


def refused(exception, work):
    """The exception that `work` raises."""
    try:
        work()
    except exception as error:
        return error
    raise AssertionError(f"no {exception.__name__}")
