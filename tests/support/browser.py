"""The person who logs in, with a browser on another machine than driveway."""

import re
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request


def give_client(machine, simulator):
    """The simulator's OAuth client, as a user sets it once."""
    credentials = simulator.authorized_user()
    machine.environment["DRIVEWAY_CLIENT_ID"] = credentials["client_id"]
    machine.environment["DRIVEWAY_CLIENT_SECRET"] = credentials["client_secret"]
    machine.secrets.add(credentials["client_secret"])
    return machine


def url_in(printed):
    found = re.search(r"https?://[^\s\"]+", printed)
    assert found, f"no URL in {printed!r}"
    return found.group(0)


def type_code(simulator, code, account=""):
    """On Google's page for devices, as that account."""
    query = urllib.parse.urlencode({"user_code": code, "login_hint": account})
    with urllib.request.urlopen(f"{simulator.url}/device?{query}", timeout=30) as page:
        assert page.status == 200


def code_of(address):
    """The code in the address at which the browser ends up."""
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))["code"]


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


def approve(url, ca_file=None):
    """Opens the login page (over TLS: `ca_file` is trusted), follows it as far as Google's part goes, and gives the address at which
    the browser ends up: the redirect to a loopback address where nobody has to listen."""
    trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file))
    opener = urllib.request.build_opener(_NoRedirects, trust)
    origin = urllib.parse.urlsplit(url)[:2]
    for _ in range(5):
        try:
            with opener.open(url, timeout=30) as page:
                raise AssertionError(f"the page ends without a redirect: {page.read(2000)!r}")
        except urllib.error.HTTPError as error:
            if error.code not in (302, 303):
                raise AssertionError(f"{error.code}: {error.read(2000)!r}") from None
            url = urllib.parse.urljoin(url, error.headers["Location"])
        if urllib.parse.urlsplit(url)[:2] != origin:
            return url
    raise AssertionError("too many redirects")


class Login:
    """`driveway login`, running, with the URL that it has printed."""

    def __init__(self, machine, *arguments):
        self._machine = machine
        self._process = machine.start(
            "login",
            *arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._printed = []
        self.url = self._read_url()

    def _read_url(self):
        for line in self._process.stdout:
            self._printed.append(line)
            if found := re.search(r"https?://\S+", line):
                return found.group(0)
        self._process.wait(30)
        raise AssertionError("driveway login printed no URL:\n" + "".join(self._printed))

    @property
    def pid(self):
        return self._process.pid

    def paste(self, *texts):
        """One text after the other. Gives (exit status, everything that was printed)."""
        rest, _ = self._process.communicate("".join(f"{text}\n" for text in texts), timeout=60)
        printed = "".join(self._printed) + rest
        # The URL has no secret in it, but what follows it must not either.
        self._machine.outputs.append(printed)
        return self._process.returncode, printed
