"""A small Hub on 127.0.0.1: the endpoints that huggingface_hub uses to release and to load, faults included.

A repository is a list of commits, each the whole content of the files by name; one of data sets is called
``datasets/org/name``. Every position that ``main`` ever had is kept, so that a test can say that none of them was
half-written.
"""

import base64
import hashlib
import json
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

TOKEN = "hf_" + "t" * 34
ID_TOKEN = "an.id.token"
_LFS_SUFFIXES = (".safetensors", ".bin", ".tar", ".parquet", ".gz")
_FIRST = {".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"}
Files = dict[str, bytes]


@dataclass
class Repo:
    """One repository: commits, and what points to them."""

    commits: dict[str, Files] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)

    def commit(self, files: Files, ref: str = "refs/heads/main") -> str:
        content = json.dumps([len(self.commits), sorted((name, len(data)) for name, data in files.items())])
        oid = hashlib.sha1(content.encode()).hexdigest()
        self.commits[oid] = files
        self.refs[ref] = oid
        if ref == "refs/heads/main":
            self.history.append(oid)
        return oid

    def find(self, revision: str) -> str | None:
        names = (revision, f"refs/heads/{revision}", f"refs/tags/{revision}")
        found = next((self.refs[name] for name in names if name in self.refs), revision)
        return found if found in self.commits else None

    @property
    def main(self) -> Files:
        return self.commits[self.refs["refs/heads/main"]]


@dataclass
class Fault:
    """What goes wrong: the calls of one kind, so many times, before or after they have done their work."""

    call: str
    times: float = 1
    status: int = 500
    after: bool = False


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class HubServer(ThreadingHTTPServer):
    """The Hub. ``calls`` lists what was asked for; ``fault``, ``before`` and ``after_commit`` make it misbehave."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.repos: dict[str, Repo] = {}
        self.blobs: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.tokens = {TOKEN: ""}
        self.fault: Fault | None = None
        self.before: dict[str, Callable[[], None]] = {}
        self.after_commit: Callable[[Files], None] | None = None
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def seed(self, repo_id: str, files: Files) -> None:
        """Put files on main, as somebody else does."""
        self.blobs |= {hashlib.sha256(data).hexdigest(): data for data in files.values()}
        self.repos.setdefault(repo_id, Repo()).commit({**_FIRST, **files})

    def merge(self, repo_id: str, number: int) -> None:
        """Merge a pull request, as a maintainer does on the Hub's pages."""
        repo = self.repos[repo_id]
        repo.commit(dict(repo.commits[repo.refs[f"refs/pr/{number}"]]))

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that were killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def answer(self, call: str, handler: "_Handler", *parts: str) -> None:
        self.calls.append(call)
        if hook := self.before.pop(call, None):
            hook()
        fault = self.fault if self.fault and self.fault.call == call and self.fault.times > 0 else None
        if fault:
            fault.times -= 1
            if not fault.after:
                raise Refused(fault.status, "the server is out of order")
        handler.lost = fault is not None
        getattr(self, f"do_{call}")(handler, *parts)
        if fault:
            handler.lost = False
            raise Refused(fault.status, "the answer is lost")

    def repo(self, repo_id: str) -> Repo:
        if repo_id not in self.repos:
            raise Refused(404, "Repository not found", "RepoNotFound")
        return self.repos[repo_id]

    def at(self, repo_id: str, revision: str) -> tuple[str, Files]:
        repo = self.repo(repo_id)
        oid = repo.find(unquote(revision))
        if oid is None:
            raise Refused(404, "Revision not found", "RevisionNotFound")
        return oid, repo.commits[oid]

    def need_token(self, handler: "_Handler", repo_id: str) -> None:
        scope = self.tokens.get((handler.headers.get("authorization") or "").removeprefix("Bearer "))
        if scope is None or scope not in ("", repo_id):
            raise Refused(401, "Invalid token")

    def do_id_token(self, handler: "_Handler") -> None:
        handler.send_json({"value": ID_TOKEN})

    def do_exchange(self, handler: "_Handler") -> None:
        asked = handler.read_json()
        if asked["subject_token"] != ID_TOKEN:
            raise Refused(401, "Untrusted")
        self.tokens["hf_jwt_short"] = asked["resource"]
        handler.send_json({"access_token": "hf_jwt_short", "token_type": "bearer", "expires_in": 3600})

    def do_create(self, handler: "_Handler") -> None:
        asked = handler.read_json()
        prefix = "datasets/" if asked.get("type") == "dataset" else ""
        repo_id = f"{prefix}{asked['organization']}/{asked['name']}"
        self.need_token(handler, repo_id)
        if repo_id in self.repos:
            raise Refused(409, "You already created this repo")
        self.repos[repo_id] = Repo()
        self.repos[repo_id].commit(dict(_FIRST))
        handler.send_json({"url": f"{self.address}/{repo_id}", "name": repo_id, "id": repo_id})

    def do_info(self, handler: "_Handler", repo_id: str, revision: str = "main") -> None:
        oid, files = self.at(repo_id, revision)
        handler.send_json({"id": repo_id, "sha": oid, "siblings": [{"rfilename": name} for name in files]})

    def do_tree(self, handler: "_Handler", repo_id: str, revision: str) -> None:
        _, files = self.at(repo_id, revision)
        handler.send_json([_entry(name, data) for name, data in files.items()])

    def do_paths(self, handler: "_Handler", repo_id: str, revision: str) -> None:
        _, files = self.at(repo_id, revision)
        names = parse_qs(handler.body().decode())["paths"]
        handler.send_json([_entry(name, files[name]) for name in names if name in files])

    def do_refs(self, handler: "_Handler", repo_id: str) -> None:
        refs = self.repo(repo_id).refs
        kinds = {"branches": "refs/heads/", "tags": "refs/tags/", "pullRequests": "refs/pr/"}
        listed = {
            kind: [
                {"name": ref.removeprefix(start), "ref": ref, "targetCommit": oid}
                for ref, oid in refs.items()
                if ref.startswith(start)
            ]
            for kind, start in kinds.items()
        }
        handler.send_json({**listed, "converts": []})

    def do_tag(self, handler: "_Handler", repo_id: str, revision: str) -> None:
        self.need_token(handler, repo_id)
        oid, _ = self.at(repo_id, revision)
        ref = f"refs/tags/{handler.read_json()['tag']}"
        if ref in self.repo(repo_id).refs:
            raise Refused(409, "Tag exists")
        self.repo(repo_id).refs[ref] = oid
        handler.send_json({})

    def do_yaml(self, handler: "_Handler") -> None:
        content = handler.read_json()["content"]
        found = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
        broken = not (found and isinstance(yaml.safe_load(found[1]), dict))
        errors = [{"message": "there is no metadata"}] if broken else []
        handler.send_json({"errors": errors, "warnings": []}, 400 if errors else 200)

    def do_preupload(self, handler: "_Handler", repo_id: str, revision: str) -> None:
        self.need_token(handler, repo_id)
        _, files = self.at(repo_id, revision)
        answers = []
        for file in handler.read_json()["files"]:
            old = files.get(file["path"])
            mode = "lfs" if file["path"].endswith(_LFS_SUFFIXES) else "regular"
            oid = None if old is None else _entry(file["path"], old)["oid"]
            answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        handler.send_json({"files": answers})

    def do_batch(self, handler: "_Handler", repo_id: str) -> None:
        self.need_token(handler, repo_id)
        objects = []
        for item in handler.read_json()["objects"]:
            upload = {
                "upload": {"href": f"{self.address}/lfs/{item['oid']}"},
                "verify": {"href": f"{self.address}/lfs"},
            }
            objects.append(item if item["oid"] in self.blobs else {**item, "actions": upload})
        handler.send_json({"transfer": "basic", "objects": objects})

    def do_upload(self, handler: "_Handler", oid: str) -> None:
        data = handler.body()
        if hashlib.sha256(data).hexdigest() != oid:
            raise Refused(400, "The content is not what was announced")
        self.blobs[oid] = data
        handler.send_json({})

    def do_verify(self, handler: "_Handler") -> None:
        if handler.read_json()["oid"] not in self.blobs:
            raise Refused(404, "No such object")
        handler.send_json({})

    def do_commit(self, handler: "_Handler", repo_id: str, revision: str) -> None:
        self.need_token(handler, repo_id)
        head, files = self.at(repo_id, revision)
        lines = [json.loads(line) for line in handler.body().splitlines()]
        parent = lines[0]["value"].get("parentCommit")
        if parent not in (None, head):
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        new = dict(files)
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                new[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                new[value["path"]] = self.blobs[value["oid"]]
            else:
                del new[value["path"]]
        repo = self.repo(repo_id)
        asked = "create_pr=1" in urlsplit(handler.path).query
        number = 1 + sum(ref.startswith("refs/pr/") for ref in repo.refs)
        oid = repo.commit(new, f"refs/pr/{number}" if asked else "refs/heads/main")
        if self.after_commit:
            self.after_commit(repo.commits[oid])
            self.after_commit = None
        url = f"{self.address}/{repo_id}/discussions/{number}" if asked else None
        answer = {"success": True, "commitOid": oid, "commitUrl": f"{self.address}/{repo_id}/commit/{oid}"}
        handler.send_json({**answer, "pullRequestUrl": url})

    def do_resolve(self, handler: "_Handler", repo_id: str, revision: str, name: str) -> None:
        oid, files = self.at(repo_id, revision)
        if unquote(name) not in files:
            raise Refused(404, "Entry not found", "EntryNotFound")
        data = files[unquote(name)]
        entry = _entry(name, data)
        tag = entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]
        headers = {"x-repo-commit": oid, "etag": f'"{tag}"', "accept-ranges": "bytes"}
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("range") or "")
        if found:
            start, end = int(found[1]), int(found[2] or len(data) - 1)
            headers["content-range"] = f"bytes {start}-{end}/{len(data)}"
            data = data[start : end + 1]
        handler.send(206 if found else 200, data, **headers)


_NAME = r"[^/]+/[^/]+"
_API = rf"/api/(?:models/|(?=datasets/))((?:datasets/)?{_NAME})"
_REPO = rf"/((?:datasets/)?{_NAME})"
_ROUTES = [
    ("GET", r"/id-token", "id_token"),
    ("POST", r"/oauth/token", "exchange"),
    ("POST", r"/api/repos/create", "create"),
    ("POST", r"/api/validate-yaml", "yaml"),
    ("GET", _API, "info"),
    ("GET", _API + r"/revision/([^/]+)", "info"),
    ("GET", _API + r"/tree/([^/]+)", "tree"),
    ("POST", _API + r"/paths-info/([^/]+)", "paths"),
    ("GET", _API + r"/refs", "refs"),
    ("POST", _API + r"/tag/([^/]+)", "tag"),
    ("POST", _API + r"/preupload/([^/]+)", "preupload"),
    ("POST", _REPO + r"\.git/info/lfs/objects/batch", "batch"),
    ("PUT", r"/lfs/([0-9a-f]{64})", "upload"),
    ("POST", r"/lfs", "verify"),
    ("POST", _API + r"/commit/([^/]+)", "commit"),
    ("HEAD|GET", _REPO + r"/resolve/([^/]+)/(.+)", "resolve"),
]


def _entry(name: str, data: bytes) -> dict:
    """Return a file as the tree lists it: a large one by its SHA-256, another as git knows it."""
    git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    entry = {"type": "file", "path": name, "size": len(data), "oid": git}
    if name.endswith(_LFS_SUFFIXES):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def handle_one(self) -> None:
        self._body, self.lost = None, False
        path = urlsplit(self.path).path
        try:
            for method, pattern, call in _ROUTES:
                found = re.fullmatch(pattern, path)
                if found and self.command in method.split("|"):
                    self.server.answer(call, self, *found.groups())
                    return
            raise Refused(404, f"this Hub has no {self.command} {path}")
        except Refused as refused:
            headers = {"x-error-code": refused.code} if refused.code else {}
            self.send(refused.status, json.dumps({"error": str(refused)}).encode(), **headers)

    do_GET = do_POST = do_PUT = do_HEAD = handle_one

    def body(self) -> bytes:
        if self._body is None:
            if "chunked" in (self.headers.get("transfer-encoding") or ""):
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                self._body = b"".join(parts)
            else:
                self._body = self.rfile.read(int(self.headers.get("content-length") or 0))
        return self._body

    def read_json(self) -> dict:
        return json.loads(self.body())

    def send_json(self, value: object, status: int = 200) -> None:
        self.send(status, json.dumps(value).encode(), **{"content-type": "application/json"})

    def send(self, status: int, data: bytes, **headers: str) -> None:
        self.body()
        if self.lost:
            return
        self.send_response(status)
        for name, value in {"content-length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass
