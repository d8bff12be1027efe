"""Another client of the simulated Drive: what "changes made elsewhere" means in tests. Plain urllib."""

import json
import urllib.error
import urllib.parse
import urllib.request

FOLDER = "application/vnd.google-apps.folder"
SHORTCUT = "application/vnd.google-apps.shortcut"
_FIELDS = (
    "id,name,mimeType,parents,size,md5Checksum,headRevisionId,version,modifiedTime,createdTime,"
    "trashed,driveId,properties,appProperties"
)
_BOUNDARY = "part-of-a-test"


class DriveApi:
    """Calls as one account. Every call gives the item as Drive answers it; HTTP errors raise."""

    def __init__(self, url, token):
        self._url = url
        self._token = token

    def request(self, method, path, query=None, body=None, headers=None):
        query = {"supportsAllDrives": "true", "fields": _FIELDS, **(query or {})}
        request = urllib.request.Request(
            f"{self._url}{path}?{urllib.parse.urlencode(query)}",
            data=body,
            method=method,
            headers={"Authorization": f"Bearer {self._token}", **(headers or {})},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.read()

    def _json(self, method, path, metadata=None, query=None):
        body = None if metadata is None else json.dumps(metadata).encode()
        text = self.request(
            method, path, query, body, {"Content-Type": "application/json; charset=UTF-8"}
        )
        return json.loads(text) if text else None

    def get(self, item_id):
        return self._json("GET", f"/drive/v3/files/{item_id}")

    def read(self, item_id, offset=None, length=None):
        headers = {}
        if offset is not None:
            headers["Range"] = f"bytes={offset}-{offset + length - 1}"
        return self.request(
            "GET", f"/drive/v3/files/{item_id}", {"alt": "media"}, headers=headers
        )

    def create(self, name, content=b"", parent="root", **metadata):
        metadata = {"name": name, "parents": [parent], **metadata}
        body = b"".join(
            (
                f"--{_BOUNDARY}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode(),
                json.dumps(metadata).encode(),
                f"\r\n--{_BOUNDARY}\r\nContent-Type: application/octet-stream\r\n\r\n".encode(),
                content,
                f"\r\n--{_BOUNDARY}--\r\n".encode(),
            )
        )
        text = self.request(
            "POST",
            "/upload/drive/v3/files",
            {"uploadType": "multipart"},
            body,
            {"Content-Type": f"multipart/related; boundary={_BOUNDARY}"},
        )
        return json.loads(text)

    def create_folder(self, name, parent="root", **metadata):
        return self._json(
            "POST",
            "/drive/v3/files",
            {"name": name, "parents": [parent], "mimeType": FOLDER, **metadata},
        )

    def create_shortcut(self, name, target, parent="root"):
        details = {"targetId": target}
        metadata = {"name": name, "parents": [parent], "mimeType": SHORTCUT}
        return self._json("POST", "/drive/v3/files", {**metadata, "shortcutDetails": details})

    def update(self, item_id, query=None, **metadata):
        return self._json("PATCH", f"/drive/v3/files/{item_id}", metadata, query)

    def set_content(self, item_id, content):
        text = self.request(
            "PATCH",
            f"/upload/drive/v3/files/{item_id}",
            {"uploadType": "media"},
            content,
            {"Content-Type": "application/octet-stream"},
        )
        return json.loads(text)

    def rename(self, item_id, name):
        return self.update(item_id, name=name)

    def move(self, item_id, parent):
        old = ",".join(self.get(item_id).get("parents", []))
        return self.update(item_id, {"addParents": parent, "removeParents": old})

    def revisions(self, item_id):
        """[{"id", "size"}], the head last."""
        query = {"fields": "revisions(id,size)"}
        return self._json("GET", f"/drive/v3/files/{item_id}/revisions", query=query)["revisions"]

    def trash(self, item_id):
        return self.update(item_id, trashed=True)

    def untrash(self, item_id):
        return self.update(item_id, trashed=False)

    def delete(self, item_id):
        self._json("DELETE", f"/drive/v3/files/{item_id}")
