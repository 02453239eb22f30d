"""azure-identity for Python: a secret and a certificate, right and wrong, an assertion, a managed identity."""

import datetime
import os

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
import jwt
import requests

from sandbox import AUTHORITY, CLIENT_ID, CLIENT_SECRET, TENANT, URL, admin, refused

SCOPE = f"{URL}/.default"
NOW = datetime.datetime.now(datetime.timezone.utc)


def new_certificate(name):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - datetime.timedelta(days=1))
        .not_valid_after(NOW + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, pem


def who_am_i(credential):
    token = credential.get_token(SCOPE)
    answer = requests.get(
        f"{URL}/api/data/v9.2/WhoAmI", headers={"Authorization": f"Bearer {token.token}"}, timeout=30
    )
    assert answer.status_code == 200, answer.text
    assert 3000 < token.expires_on - NOW.timestamp() < 3700
    return answer.json()["UserId"]


# A secret
user = who_am_i(ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, **AUTHORITY))

for tenant, client, secret, code in [
    (TENANT, CLIENT_ID, "wrong", "AADSTS7000215"),
    (TENANT, "00000000-0000-4000-8000-00000000000f", CLIENT_SECRET, "AADSTS700016"),
    ("00000000-0000-4000-8000-0000000000ff", CLIENT_ID, CLIENT_SECRET, "AADSTS90002"),
]:
    credential = ClientSecretCredential(tenant, client, secret, **AUTHORITY)
    error = refused(ClientAuthenticationError, lambda: credential.get_token(SCOPE))
    assert code in error.message, error.message

credential = ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, **AUTHORITY)
error = refused(ClientAuthenticationError, lambda: credential.get_token("https://nobody.crm.dynamics.com/.default"))
assert "AADSTS500011" in error.message, error.message

admin("POST", f"applications/{CLIENT_ID}/secrets", {"secret": "short-lived", "expires_s": -1})
credential = ClientSecretCredential(TENANT, CLIENT_ID, "short-lived", **AUTHORITY)
error = refused(ClientAuthenticationError, lambda: credential.get_token(SCOPE))
assert "AADSTS7000222" in error.message, error.message

# A certificate
key, certificate = new_certificate("registered")
credential = CertificateCredential(TENANT, CLIENT_ID, certificate_data=key + certificate, **AUTHORITY)
error = refused(ClientAuthenticationError, lambda: credential.get_token(SCOPE))
assert "AADSTS700027" in error.message, error.message

admin("POST", f"applications/{CLIENT_ID}/certificates", {"pem": certificate.decode()})
credential = CertificateCredential(TENANT, CLIENT_ID, certificate_data=key + certificate, **AUTHORITY)
assert who_am_i(credential) == user

# The certificate that is registered with another key: the thumbprint fits, the signature does not.
other_key, _ = new_certificate("other")
forged = jwt.encode(
    {
        "aud": f"{URL}/{TENANT}/oauth2/v2.0/token",
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "exp": NOW.timestamp() + 300,
        "jti": "1",
    },
    other_key,
    algorithm="PS256",
    headers={"x5t#S256": admin("GET", f"applications/{CLIENT_ID}")["certificates"][0]["x5t#S256"]},
)
credential = ClientAssertionCredential(TENANT, CLIENT_ID, lambda: forged, **AUTHORITY)
error = refused(ClientAuthenticationError, lambda: credential.get_token(SCOPE))
assert "AADSTS700027" in error.message and "invalid signature" in error.message, error.message

# Somebody else's word for it (workload identity federation)
issuer_key, issuer_certificate = new_certificate("issuer")
admin(
    "POST",
    f"applications/{CLIENT_ID}/federated",
    {"issuer": "https://ci.example", "subject": "repo:connector", "pem": issuer_certificate.decode()},
)


def assertion(**claims):
    words = {
        "aud": "api://AzureADTokenExchange",
        "iss": "https://ci.example",
        "sub": "repo:connector",
        "exp": NOW.timestamp() + 300,
    }
    return lambda: jwt.encode({**words, **claims}, issuer_key, algorithm="RS256")


assert who_am_i(ClientAssertionCredential(TENANT, CLIENT_ID, assertion(), **AUTHORITY)) == user
for claims, code in [
    ({"iss": "https://else.example"}, "AADSTS700211"),
    ({"aud": "else"}, "AADSTS700212"),
    ({"sub": "else"}, "AADSTS700213"),
    ({"exp": NOW.timestamp() - 1000}, "AADSTS700024"),
]:
    credential = ClientAssertionCredential(TENANT, CLIENT_ID, assertion(**claims), **AUTHORITY)
    error = refused(ClientAuthenticationError, lambda: credential.get_token(SCOPE))
    assert code in error.message, error.message

# A managed identity, as in Azure Functions
organization = admin("GET", "organizations")[0]
os.environ["IDENTITY_ENDPOINT"] = organization["identity_endpoint"]
os.environ["IDENTITY_HEADER"] = organization["identity_header"]
assert who_am_i(ManagedIdentityCredential()) == user
assert who_am_i(ManagedIdentityCredential(client_id=CLIENT_ID)) == user
error = refused(
    ClientAuthenticationError,
    lambda: ManagedIdentityCredential(client_id="00000000-0000-4000-8000-00000000000f").get_token(SCOPE),
)
os.environ["IDENTITY_HEADER"] = "wrong"
refused(ClientAuthenticationError, lambda: ManagedIdentityCredential().get_token(SCOPE))

# Disabled, without consent, and kept out by a policy
for change, code in [
    ({"disabled": True}, "AADSTS7000112"),
    ({"disabled": False, "consented": False}, "AADSTS65001"),
    ({"consented": True, "blocked": True}, "AADSTS53003"),
]:
    admin("PATCH", f"applications/{CLIENT_ID}", change)
    credential = ClientSecretCredential(TENANT, CLIENT_ID, CLIENT_SECRET, **AUTHORITY)
    error = refused(ClientAuthenticationError, lambda: credential.get_token(SCOPE))
    assert code in error.message, error.message
