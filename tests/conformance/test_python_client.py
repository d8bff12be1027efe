"""Google's own Python client (Debian's packages) on the simulated Drive."""

import hashlib
import io
import os

import google_auth_httplib2
import pytest
from google.oauth2.credentials import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError
from googleapiclient.http import HttpRequest, MediaFileUpload, MediaIoBaseDownload, build_http

_MIB = 1 << 20
_FOLDER = "application/vnd.google-apps.folder"
_RETRIES = 8


def do_not_wait(_seconds):
    """For the client's pauses between attempts: they are made for Google, not for a test's time."""


class Request(HttpRequest):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self._sleep = do_not_wait


def make_service(simulator):
    """The Drive service as Google's samples build it: discovery, login, TLS, all from Google's names."""
    login = simulator.authorized_user()
    credentials = Credentials(
        simulator.token()["access_token"],
        refresh_token=login["refresh_token"],
        token_uri="https://oauth2.googleapis.com/token",
        client_id=login["client_id"],
        client_secret=login["client_secret"],
    )
    http = build_http()  # knows that 308 is no redirect in uploads
    http.ca_certs = str(simulator.ca_file)
    return build(
        "drive",
        "v3",
        http=google_auth_httplib2.AuthorizedHttp(credentials, http=http),
        cache_discovery=False,
        requestBuilder=Request,
    )


def run(request):
    return request.execute(num_retries=_RETRIES)


def is_refusal(error):
    return error.resp.status in (429, 500, 502, 503)


def upload(request):
    """As Google's guide has it: after a refusal the client asks how far it came. (Its num_retries sends
    a chunk again without going back to the chunk's beginning, and waits for an answer for ever.)"""
    refusals, answer = 0, None
    while answer is None:
        try:
            _status, answer = request.next_chunk()
        except HttpError as error:
            refusals += 1
            assert is_refusal(error) and refusals < 20, error
    return answer


@pytest.fixture
def service(simulator):
    return make_service(simulator)


def list_all(service, **arguments):
    """All items of a query, page by page."""
    files, token = [], None
    while True:
        answer = run(service.files().list(pageToken=token, **arguments))
        files += answer["files"]
        token = answer.get("nextPageToken")
        if token is None:
            return files


def test_lists_with_q_and_fields(service, simulator):
    simulator.seed(trees=[{"path": "t", "folders": 2, "files": 25, "size": 10, "seed": 1}])
    folders = list_all(
        service, q=f"mimeType = '{_FOLDER}' and name contains 'd0'", fields="nextPageToken,files(id)"
    )
    assert len(folders) == 2
    found = list_all(
        service,
        q=f"'{folders[0]['id']}' in parents and trashed = false",
        fields="nextPageToken,files(id,name,size)",
        orderBy="name desc",
        pageSize=7,
    )
    assert len(found) == 25
    assert all(set(item) == {"id", "name", "size"} for item in found)
    names = [item["name"] for item in found]
    assert names == sorted(names, reverse=True)


def test_downloads_in_chunks(service, simulator):
    simulator.seed(items=[{"path": "a.bin", "size": 5 * _MIB + 123, "seed": 9}])
    item = simulator.dump()[0]
    target = io.BytesIO()
    download = MediaIoBaseDownload(
        target, service.files().get_media(fileId=item["id"]), chunksize=_MIB
    )
    download._sleep = do_not_wait
    done, chunks = False, 0
    while not done:
        _status, done = download.next_chunk(num_retries=_RETRIES)
        chunks += 1
    assert chunks == 6
    assert hashlib.md5(target.getvalue()).hexdigest() == item["md5Checksum"]


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 3 * _MIB + 7])
def test_uploads_resumably(service, simulator, folder, size):
    path = folder / "up.bin"
    path.write_bytes(os.urandom(size))
    media = MediaFileUpload(
        str(path), mimetype="application/octet-stream", chunksize=_MIB, resumable=size > 0
    )
    request = service.files().create(
        body={"name": "up.bin", "modifiedTime": "2020-01-02T03:04:05.678Z"},
        media_body=media,
        fields="id,size,md5Checksum,modifiedTime",
    )
    answer = upload(request) if size > 0 else run(request)
    assert answer["size"] == str(size)
    assert answer["md5Checksum"] == hashlib.md5(path.read_bytes()).hexdigest()
    assert answer["modifiedTime"] == "2020-01-02T03:04:05.678Z"
    path.write_bytes(b"new content")
    updated = run(
        service.files().update(
            fileId=answer["id"], media_body=MediaFileUpload(str(path)), fields="id,size"
        )
    )
    assert updated == {"id": answer["id"], "size": "11"}


def test_reads_the_changes(service):
    token = run(service.changes().getStartPageToken())["startPageToken"]
    made = run(service.files().create(body={"name": "a", "mimeType": _FOLDER}))
    run(service.files().update(fileId=made["id"], body={"name": "b"}))
    gone = run(service.files().create(body={"name": "gone"}))
    run(service.files().delete(fileId=gone["id"]))
    fields = "newStartPageToken,changes(fileId,removed,file(name))"
    answer = run(service.changes().list(pageToken=token, fields=fields))
    changes = {change["fileId"]: change for change in answer["changes"]}
    assert changes[made["id"]]["file"]["name"] == "b"
    assert changes[gone["id"]] == {"fileId": gone["id"], "removed": True}
    again = run(service.changes().list(pageToken=answer["newStartPageToken"]))
    assert again["changes"] == []


def send_batch(service, ids):
    """One batch of gets: answers and errors by id. A batch that was refused as a whole has none."""
    answers, errors = {}, {}

    def collect(request_id, answer, error):
        if error is None:
            answers[request_id] = answer
        else:
            errors[request_id] = error

    batch = service.new_batch_http_request(callback=collect)
    for file_id in ids:
        batch.add(service.files().get(fileId=file_id, fields="id,size"), request_id=file_id)
    try:
        batch.execute()
    except HttpError as error:
        assert is_refusal(error), error
    return answers, errors


def test_sends_batches(service, simulator):
    simulator.seed(trees=[{"path": "t", "folders": 0, "files": 30, "size": 10, "seed": 1}])
    ids = [item["id"] for item in simulator.dump() if "size" in item]
    answers, errors = {}, {}
    pending = [*ids, "no-such-file"]
    for _attempt in range(20):
        some_answers, some_errors = send_batch(service, pending)
        answers |= some_answers
        errors |= {key: error for key, error in some_errors.items() if not is_refusal(error)}
        pending = [file_id for file_id in pending if file_id not in answers | errors]
        if not pending:
            break
    assert set(answers) == set(ids)
    assert all(answers[file_id] == {"id": file_id, "size": "10"} for file_id in ids)
    assert [error.resp.status for error in errors.values()] == [404]


def test_an_expired_token_is_refreshed(service, simulator):
    run(service.about().get(fields="user"))
    assert simulator.expire_tokens() > 0
    answer = run(service.about().get(fields="user(emailAddress)"))
    assert "@" in answer["user"]["emailAddress"]


def test_uploads_and_downloads_many_files(service, folder):
    contents = {}
    for index in range(15):
        path = folder / f"f{index}"
        path.write_bytes(os.urandom(300_000))
        contents[path.name] = path.read_bytes()
        made = run(service.files().generateIds(count=1))["ids"][0]
        media = MediaFileUpload(str(path), chunksize=256 * 1024, resumable=True)
        upload(service.files().create(body={"id": made, "name": path.name}, media_body=media))
    files = list_all(service, q="trashed = false", fields="nextPageToken,files(id,name)")
    assert {item["name"] for item in files} == set(contents)
    for item in files:
        content = run(service.files().get_media(fileId=item["id"]))
        assert content == contents[item["name"]]
