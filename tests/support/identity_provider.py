"""An identity provider of a workload identity pool: it says in signed tokens who a job is."""

import base64
import json
import subprocess
import time

AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/mine"
_POOL = "iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool"


class IdentityProvider:
    """With a key of its own, in `folder`. The simulator trusts it and lets `subject` act for every
    service account."""

    def __init__(self, folder, simulator, subject="job"):
        self.subject = subject
        self._key = folder / "provider.pem"
        _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self._key)
        simulator.set(
            oauth={
                "identity_provider_key": _openssl("pkey", "-in", self._key, "-pubout").decode(),
                "token_creators": f"principal://{_POOL}/subject/{subject}",
            }
        )

    def token(self, **changes):
        now = int(time.time())
        claims = {"iss": "https://idp.example", "sub": self.subject, "aud": f"https:{AUDIENCE}"}
        claims |= {"iat": now, "exp": now + 600, **changes}
        text = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
        signature = _openssl("dgst", "-sha256", "-sign", self._key, input=text.encode())
        return f"{text}.{_base64url(signature)}"


def _openssl(*words, input=None):
    done = subprocess.run(["openssl", *map(str, words)], input=input, capture_output=True, check=True, timeout=60)
    return done.stdout


def _base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _part(document):
    return _base64url(json.dumps(document).encode())
