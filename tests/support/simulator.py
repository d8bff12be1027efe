"""A simulated Drive of a test's own: the program driveway-sim on free ports."""

import json
import pathlib
import select
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from support.drive_api import DriveApi
from support.programs import program, sanitizer_environment, sanitizer_reports
from support.waiting import wait_for

FIRST_ACCOUNT = "ann@example.com"
OTHER_ACCOUNT = "bob@example.com"
# (id, secret) of its client of the type "TVs and Limited Input devices" (tools/sim/oauth/clients.h).
DEVICE_CLIENT = (
    "100000000001-drivewaytv.apps.googleusercontent.com",
    "GOCSPX-simulatedTvClient00000002",
)
_START_TIMEOUT = 60


class Simulator:
    """A running simulator with its folder. The /__sim/ endpoints are methods of the same meaning
    (tools/sim/admin/*.h say what they take). Use as a context manager, or stop() it."""

    def __init__(self, folder, *arguments, accounts=(FIRST_ACCOUNT,)):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._log = open(self.folder / "simulator.log", "wb")
        self._process = subprocess.Popen(
            [
                program("driveway-sim"),
                "--die-with-parent",
                *(f"--account={account}" for account in accounts),
                *map(str, arguments),
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={
                "PATH": "/usr/bin:/bin",
                "TMPDIR": str(self.folder),  # what a killed one leaves goes with the test
                **sanitizer_environment(self.folder),
            },
        )
        try:
            self._read_addresses()
        except BaseException:
            self.stop()
            raise

    def _read_addresses(self):
        """It says them in one line of JSON as soon as it listens."""
        readable, _, _ = select.select([self._process.stdout], [], [], _START_TIMEOUT)
        line = self._process.stdout.readline() if readable else b""
        if not line:
            self._process.terminate()
            self._process.wait(30)
            raise RuntimeError(f"driveway-sim did not start:\n{self.output()}")
        addresses = json.loads(line)
        self.url = addresses["http"]
        self.tls_url = addresses.get("https")
        self.ca_file = addresses["ca"]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    @property
    def pid(self):
        return self._process.pid

    def output(self):
        return (self.folder / "simulator.log").read_text(errors="replace")

    def stop(self):
        """Idempotent; ends the process that this object started, and no other."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdout.close()
        self._log.close()
        reports = sanitizer_reports(self.folder)
        assert not reports, "a sanitizer reports:\n" + "\n".join(reports)[:8000]

    def kill(self):
        """At once, as a network that goes away."""
        self._process.kill()
        self._process.wait()

    # -- the endpoints ---------------------------------------------------------------------------

    def admin(self, method, path, body=None, query=None):
        url = f"{self.url}/__sim/{path}"
        if query:
            url += "?" + urllib.parse.urlencode(query)
        request = urllib.request.Request(
            url, method=method, data=None if body is None else json.dumps(body).encode()
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            raise RuntimeError(f"{method} {url}: {error.code} {text}") from None

    def _admin_json(self, *arguments, **named):
        return json.loads(self.admin(*arguments, **named))

    def config(self):
        return self._admin_json("GET", "config")

    def set(self, **change):
        """set(faults={"dead": True}), set(profile="colab", quota="2026")"""
        return self._admin_json("PATCH", "config", change)

    def stats(self):
        return self._admin_json("GET", "stats")

    def reset_stats(self):
        self.admin("POST", "stats/reset")

    def log(self, since=0, method=None, limit=100_000):
        query = {"since": since, "limit": limit}
        if method:
            query["method"] = method
        return self._admin_json("GET", "log", query=query)["entries"]

    def is_ready(self):
        try:
            self.admin("GET", "ready")
            return True
        except RuntimeError:
            return False

    def add_account(self, email, **spec):
        return self._admin_json("POST", "accounts", {"email": email, **spec})

    def seed(self, wait=True, **spec):
        """seed(items=[…], trees=[…], shared_drives=[…]); returns when the hashes are there."""
        made = self._admin_json("POST", "seed", spec)
        if wait:
            wait_for(self.is_ready, "the hashes of the seeded contents", timeout=300)
        return made

    def dump(self, **query):
        text = self.admin("GET", "dump", query=query).decode()
        return [json.loads(line) for line in text.splitlines()]

    def token(self, account="", **request):
        return self._admin_json("POST", "token", {"account": account, **request})

    def expire_tokens(self, account=""):
        return self._admin_json("POST", "tokens/expire", {"account": account})["expired"]

    def revoke_tokens(self, account=""):
        return self._admin_json("POST", "tokens/revoke", {"account": account})["revoked"]

    def authorized_user(self, account="", **request):
        return self._admin_json(
            "POST", "credentials/authorized_user", {"account": account, **request}
        )

    def service_account(self, email, token_uri):
        body = {"email": email, "token_uri": token_uri}
        return self._admin_json("POST", "credentials/service_account", body)

    def api(self, account=""):
        """Another client of the same Drive."""
        return DriveApi(self.url, self.token(account)["access_token"])


def calls(stats):
    """Requests to Drive and to OAuth in all."""
    return stats["requests"]


def calls_by_method(stats):
    return {name: method["count"] for name, method in sorted(stats["methods"].items())}
