# SPDX-License-Identifier: BSD-3-Clause
"""Tokens for the captures: made with jwcrypto, a JOSE library that has nothing to do with bearertap.

Every run makes new keys. `Minter` holds them, clean ones and revoked ones, and writes the list of the revoked ones.
"""
import base64
import datetime
import hashlib
import json
import time
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from jwcrypto import jwe, jwk, jws

STORM_KID = "1LTMzakihiRla_8z2BEJVXeWMqo"  # the stolen key's name, as its issuer published it: design.md section 1


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class Token:
    """A compact token and what is true of it."""

    def __init__(self, text, header, revoked, match=()):
        self.text = text
        self.kid = header.get("kid")
        self.alg = header["alg"]
        self.format = "jwe" if "enc" in header else "jws"
        self.revoked = revoked
        self.match = list(match)
        self.sha256 = hashlib.sha256(text.encode()).hexdigest()


def certificate_of(key):
    """A self-signed certificate of an RSA key, as DER."""
    private = serialization.load_pem_private_key(key.export_to_pem(private_key=True, password=None), None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signing.example")])
    now = datetime.datetime(2025, 1, 1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=3650))
        .sign(private, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.DER)


class Keys(dict):
    """Keys by name, each made when it is first asked for."""

    def __missing__(self, kid):
        self[kid] = jwk.JWK.generate(**Minter.KEYS[kid][0])
        return self[kid]


class Minter:
    """Keys by name, and tokens made with them."""

    # name: (parameters of jwcrypto, algorithm, revoked). The name is the kid.
    KEYS = {
        "rsa-2025-a": (dict(kty="RSA", size=2048), "RS256", False),
        "ec-2025-a": (dict(kty="EC", crv="P-256"), "ES256", False),
        "pss-2025-a": (dict(kty="RSA", size=2048), "PS256", False),
        "hmac-2025-a": (dict(kty="oct", size=256), "HS256", False),
        "ed-2025-a": (dict(kty="OKP", crv="Ed25519"), "EdDSA", False),
        "jwe-2025-a": (dict(kty="RSA", size=2048), "RSA-OAEP-256", False),
        "rsa-2021-stolen": (dict(kty="RSA", size=2048), "RS256", True),
        "ec-2021-stolen": (dict(kty="EC", crv="P-256"), "ES256", True),
        "pss-2021-stolen": (dict(kty="RSA", size=2048), "PS256", True),
        "hmac-2021-leaked": (dict(kty="oct", size=256), "HS256", True),
        "ed-2021-stolen": (dict(kty="OKP", crv="Ed25519"), "EdDSA", True),
        "jwe-2021-stolen": (dict(kty="RSA", size=2048), "RSA-OAEP-256", True),
        # never named by a kid that is in the list, only by thumbprints:
        "thumbprint-x5t": (dict(kty="RSA", size=2048), "RS256", True),
        "thumbprint-x5t-s256": (dict(kty="RSA", size=2048), "RS256", True),
        "thumbprint-x5c": (dict(kty="RSA", size=2048), "RS256", True),
        "thumbprint-jwk": (dict(kty="EC", crv="P-256"), "ES256", True),
        # the forged look-alike: the stolen key's name, another key's signature
        STORM_KID: (dict(kty="RSA", size=2048), "RS256", True),
    }

    def __init__(self):
        self.keys, self.made_certificates = Keys(), {}
        self.serial = 0

    def certificate(self, kid):
        if kid not in self.made_certificates:
            self.made_certificates[kid] = certificate_of(self.keys[kid])
        return self.made_certificates[kid]

    def claims(self, issuer):
        self.serial += 1
        now = int(time.time())
        return {
            "iss": issuer,
            "sub": f"user-{self.serial:04d}",
            "aud": "https://api.example/",
            "exp": now + 3600,
            "iat": now,
            "nbf": now,
            "jti": str(uuid.uuid4()),
            "scope": "mail.read files.read",
        }

    def sign(self, kid, header=None, claims=None, match=("kid",), issuer="https://login.example/"):
        """A JWS; `header` replaces the usual one (typ, alg, kid) where given."""
        _, algorithm, revoked = self.KEYS[kid]
        header = header or {"typ": "JWT", "alg": algorithm, "kid": kid}
        signer = jws.JWS(json.dumps(claims or self.claims(issuer), separators=(",", ":")).encode())
        signer.add_signature(self.keys[kid], None, json.dumps(header, separators=(",", ":")))
        return Token(signer.serialize(compact=True), header, revoked, match if revoked else ())

    def encrypt(self, kid):
        """A JWE of five parts that names the recipient's key."""
        header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": kid}
        box = jwe.JWE(json.dumps(self.claims("https://login.example/")).encode(), json.dumps(header))
        box.add_recipient(self.keys[kid])
        revoked = self.KEYS[kid][2]
        return Token(box.serialize(compact=True), header, revoked, ("kid",) if revoked else ())

    def named_by(self, how):
        """A token whose revoked key is named by a thumbprint: x5t, x5t#S256, x5c or jwk."""
        kid = {"x5t": "thumbprint-x5t", "x5t#S256": "thumbprint-x5t-s256", "x5c": "thumbprint-x5c", "jwk": "thumbprint-jwk"}[how]
        der = None if how == "jwk" else self.certificate(kid)
        value = {
            "x5t": lambda: base64url(hashlib.sha1(der).digest()),
            "x5t#S256": lambda: base64url(hashlib.sha256(der).digest()),
            "x5c": lambda: [base64.b64encode(der).decode()],
            "jwk": lambda: json.loads(self.keys[kid].export_public()),
        }[how]()
        return self.sign(kid, header={"alg": self.KEYS[kid][1], how: value}, match=(how,))

    def storm(self):
        """As Storm-0558's tokens were: a consumer key's name under an enterprise issuer."""
        tenant = "72f98bd4-0000-4000-8000-5a1e7ab1e000"
        claims = self.claims(f"https://sts.windows.net/{tenant}/")
        claims.update(aud="https://outlook.example", tid=tenant, upn="minister@agency.example", ver="1.0")
        header = {"typ": "JWT", "alg": "RS256", "kid": STORM_KID, "x5t": STORM_KID}
        return self.sign(STORM_KID, header=header, claims=claims, match=("kid", "x5t"))

    def revoked_list(self):
        """A JWK Set of the revoked keys: some with material, some a bare name, some a thumbprint only."""

        def public(kid, keep_kid=True):
            members = json.loads(self.keys[kid].export_public())
            members.pop("kid", None)
            return {"kid": kid, **members} if keep_kid else members

        der = {kid: self.certificate(kid) for kid in self.KEYS if kid.startswith("thumbprint-x5")}
        return {
            "keys": [
                {**public("rsa-2021-stolen"), "revoked_at": "2023-06-16T00:00:00Z", "reason": "stolen", "severity": "critical"},
                {"kid": "ec-2021-stolen", "revoked_at": "2023-06-17T12:30:00Z"},
                {**public("pss-2021-stolen"), "issuer": "https://login.example/", "reason": "stolen"},
                {"kid": "hmac-2021-leaked", "kty": "oct", "reason": "found in a public repository", "severity": "high"},
                {"kid": "ed-2021-stolen"},
                {"kid": "jwe-2021-stolen"},
                {"x5t": base64url(hashlib.sha1(der["thumbprint-x5t"]).digest())},
                {"x5t#S256": base64url(hashlib.sha256(der["thumbprint-x5t-s256"]).digest())},
                {"kty": "RSA", **public("thumbprint-x5c", False), "x5c": [base64.b64encode(der["thumbprint-x5c"]).decode()]},
                public("thumbprint-jwk", False),
                {"kid": STORM_KID, "x5t": STORM_KID, "issuer": "https://sts.windows.net/9188040d-6c67-4c5b-b112-36a304b66dad/",
                 "reason": "Storm-0558", "severity": "critical"},
            ]
        }
