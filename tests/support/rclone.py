"""Unmodified rclone as another client: in a mount namespace of its own, Google's host names lead to
the simulator, on a loopback address that nobody else uses."""

import configparser
import json
import os
import pathlib
import shlex
import subprocess

from support.google_hosts import hosts_file

ADDRESS = "127.83.77.1"


class Rclone:
    """A configuration with the remote "sim:", logged in by a token of the simulator."""

    def __init__(self, folder, simulator, account=""):
        self._folder = pathlib.Path(folder)
        self._folder.mkdir()
        self._ca = simulator.ca_file
        self._hosts = self._folder / "hosts"
        self._hosts.write_text(hosts_file(ADDRESS))
        credentials = simulator.authorized_user(account)
        token = {
            "access_token": "ya29.expired",  # rclone takes a login without one for none
            "token_type": "Bearer",
            "refresh_token": credentials["refresh_token"],
            "expiry": "2020-01-01T00:00:00Z",
        }
        config = configparser.ConfigParser()
        config["sim"] = {
            "type": "drive",
            "scope": "drive",
            "client_id": credentials["client_id"],
            "client_secret": credentials["client_secret"],
            "token": json.dumps(token),
        }
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self._folder)}
        self._config = self._folder / "rclone.conf"
        with open(self._config, "w", encoding="utf-8") as file:
            config.write(file)

    @staticmethod
    def listen_arguments():
        """What the simulator is to be started with."""
        return [f"--also-https={ADDRESS}:443"]

    def command(self, *arguments):
        """The words of a command, which needs `environment`, where Google's names lead to the
        simulator already."""
        return ["rclone", f"--config={self._config}", f"--ca-cert={self._ca}", *arguments]

    def run(self, *arguments, timeout=120):
        """rclone, which must succeed: its stdout."""
        command = self.command(*arguments)
        script = f"mount --bind {shlex.quote(str(self._hosts))} /etc/hosts && exec {_joined(command)}"
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"rclone {arguments}: {done.stderr}"
        return done.stdout


def _joined(command):
    return " ".join(shlex.quote(str(word)) for word in command)
