"""How fast the simulator itself is, seen by clients that cost as little as possible."""

import socket
import threading
import time
import urllib.parse

from support.simulator import Simulator

_MIB = 1 << 20


class _Connection:
    """A keep-alive connection on a bare socket."""

    def __init__(self, url, token):
        parts = urllib.parse.urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port))
        self._head = f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._buffer = bytearray(_MIB)

    def get(self, target):
        """Sends, reads the whole answer, gives (status, body's length)."""
        self._socket.sendall(f"GET {target} HTTP/1.1\r\n{self._head}".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._socket.recv(65536)
        head, _, body = head.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
        length = int(headers["content-length"])
        left = length - len(body)
        while left:
            count = self._socket.recv_into(self._buffer, min(left, _MIB))
            if count == 0:
                raise RuntimeError("the connection ended early")
            left -= count
        return int(lines[0].split(" ")[1]), length

    def close(self):
        self._socket.close()


def _in_parallel(connections, work):
    """Runs work(connection) in a thread each; gives the seconds until all are done."""
    threads = [threading.Thread(target=work, args=(c,)) for c in connections]
    begin = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - begin


def _opened(simulator, count):
    token = simulator.token()["access_token"]
    connections = [_Connection(simulator.url, token) for _ in range(count)]
    for connection in connections:  # each has served a request: open, not only accepted
        connection.get("/drive/v3/about?fields=user")
    return connections


def media(folder):
    """4 connections read a synthetic file of 1 GiB each, 60 more are open."""
    size = 1024 * _MIB
    with Simulator(folder / "sim", "--profile", "lan", "--quota", "unlimited") as simulator:
        simulator.seed(items=[{"path": "big", "size": size, "seed": 1}])
        file_id = simulator.dump()[0]["id"]
        connections = _opened(simulator, 64)
        seconds = _in_parallel(
            connections[:4], lambda c: c.get(f"/drive/v3/files/{file_id}?alt=media")
        )
        for connection in connections:
            connection.close()
        return {"MB/s of media, 4 connections": 4 * size / 1e6 / seconds}


def lists(folder):
    """4 of 64 connections list pages of 1,000 items with a file system's fields."""
    pages = 40
    fields = (
        "nextPageToken,files(id,name,mimeType,parents,size,md5Checksum,headRevisionId,version,"
        "createdTime,modifiedTime,trashed)"
    )
    with Simulator(folder / "sim", "--profile", "lan", "--quota", "unlimited") as simulator:
        simulator.seed(trees=[{"path": "t", "folders": 1, "files": 5000, "size": 10, "seed": 1}])
        folder_id = next(i["id"] for i in simulator.dump() if i["path"] == "t/d00000")
        query = urllib.parse.urlencode(
            {"q": f"'{folder_id}' in parents and trashed=false", "pageSize": 1000, "fields": fields}
        )
        connections = _opened(simulator, 64)

        def work(connection):
            for _ in range(pages):
                status, _length = connection.get(f"/drive/v3/files?{query}")
                assert status == 200, status

        seconds = _in_parallel(connections[:4], work)
        for connection in connections:
            connection.close()
        return {"list pages of 1,000 a second": 4 * pages / seconds}
