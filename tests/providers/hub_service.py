"""Two hubs as far as Gaze uses them.

Hugging Face: "Hub API endpoints" (huggingface.co/docs/hub/api) and what the official client huggingface_hub 2.4.0
reads: hf_api.py (RepoSibling, BlobLfsInfo), file_download.py (X-Repo-Commit, X-Linked-Etag, X-Linked-Size, redirects of
large files to a storage host), errors in X-Error-Code. ModelScope: its own client's calls, modelscope/hub/api.py
(/repo/files) and file_download.py (/repo?FilePath=).
"""
import hashlib
import pathlib
import random
import re

TOKEN = "hf_test_7d2c91e0b845"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def data(seed, size):
    return random.Random(seed).randbytes(size)


def golden(name):
    """A small checkpoint of random weights that really loads."""
    folder = pathlib.Path(__file__).resolve().parents[1] / "golden" / name
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


REPOS = {
    "test/working-clip": golden("clip/laion"),
    "test/tiny-clip": {
        "config.json": b'{"model_type": "clip"}',
        "preprocessor_config.json": b'{"do_resize": true}',
        "tokenizer.json": data(1, 20_000),
        "README.md": "# 小模型\n".encode(),
        "empty.txt": b"",
        "model.safetensors": data(2, 3_000_000),
        "pytorch_model.bin": data(3, 1000),
        "flax_model.msgpack": data(4, 1000),
        "onnx/model.onnx": data(5, 1000),
        "extra/notes 图.txt": b"notes",
    },
    "test/quantised": {
        "README.md": b"# GGUF",
        "m-Q2_K.gguf": data(6, 1000),
        "m-Q4_K_M.gguf": data(7, 2000),
        "m-Q8_0.gguf": data(8, 3000),
        "mmproj-f16.gguf": data(9, 500),
    },
    "test/split": {
        "m-Q2_K-00001-of-00002.gguf": data(12, 500),
        "m-Q2_K-00002-of-00002.gguf": data(13, 500),
        "m-Q4_K_M-00001-of-00002.gguf": data(14, 500),
        "m-Q4_K_M-00002-of-00002.gguf": data(15, 500),
        "mmproj-f16.gguf": data(9, 500),
    },
    "test/private": {"config.json": b"{}", "model.safetensors": data(10, 1000)},
    "test/gated": {"config.json": b"{}", "model.safetensors": data(11, 1000)},
    "test/no-weights": {"config.json": b"{}"},
}
LARGE = (".safetensors", ".bin", ".gguf", ".msgpack", ".onnx")


def git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sibling(name, content):
    entry = {"rfilename": name, "size": len(content), "blobId": git_sha1(content)}
    if name.endswith(LARGE):
        entry["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return entry


def refused(status, code):
    return status, {"X-Error-Code": code, "X-Error-Message": code}, {"error": code}


def serve(request):
    if match := re.fullmatch(r"/api/models/(.+)/revision/(.+)", request.path):
        repo, revision = match.groups()
        denied = check(request, repo)
        if denied:
            return denied
        if revision not in ("main", COMMIT):
            return refused(404, "RevisionNotFound")
        files = REPOS[repo]
        entries = [sibling(name, content) if request.query.get("blobs") == "true" else {"rfilename": name}
                   for name, content in files.items()]
        return 200, {}, {"id": repo, "sha": COMMIT, "siblings": entries}
    if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)", request.path):
        repo, commit, name = match.groups()
        denied = check(request, repo)
        if denied:
            return denied
        if commit != COMMIT or name not in REPOS[repo]:
            return refused(404, "EntryNotFound")
        content = REPOS[repo][name]
        if not name.endswith(LARGE):
            return part_of(request, content, '"' + git_sha1(content) + '"')
        # Large files lie on a storage host.
        return 302, {"Location": f"http://127.0.0.1:{request.server.other_port}/storage/{repo}/{name}?signature=abc",
                     "X-Linked-Etag": '"' + hashlib.sha256(content).hexdigest() + '"',
                     "X-Linked-Size": str(len(content)), "X-Repo-Commit": COMMIT}, b""
    if match := re.fullmatch(r"/storage/([^/]+/[^/]+)/(.+)", request.path):
        if "Authorization" in request.headers:
            return 400, {}, {"error": "the token came to another host"}
        content = REPOS[match[1]][match[2]]
        return part_of(request, content, '"' + hashlib.md5(content).hexdigest() + '"')
    return 404, {}, {"error": "not here"}


def check(request, repo):
    authorized = request.headers.get("Authorization") == f"Bearer {TOKEN}"
    if repo not in REPOS or (repo == "test/private" and not authorized):
        return refused(401 if not authorized else 404, "RepoNotFound")
    if repo == "test/gated":
        return refused(403, "GatedRepo")
    return None


def part_of(request, content, etag):
    """RFC 9110, 14: ranges, If-Range."""
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if not wanted or request.fault.get("ignore_range") or request.headers.get("If-Range", etag) != etag:
        return 200, headers, content
    first = int(wanted[1])
    if first >= len(content):
        return 416, {"Content-Range": f"bytes */{len(content)}"}, b""
    return 206, {**headers, "Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}, content[first:]


def serve_modelscope(request):
    if match := re.fullmatch(r"/api/v1/models/([^/]+/[^/]+)/repo/files", request.path):
        if match[1] not in REPOS:
            return 404, {}, {"Code": 10010205001, "Message": "model not found", "Success": False}
        files = [{"Name": name.rpartition("/")[2], "Path": name, "Size": len(content), "Type": "blob",
                  "Revision": "master", "Sha256": hashlib.sha256(content).hexdigest()}
                 for name, content in REPOS[match[1]].items()]
        return 200, {}, {"Code": 200, "Success": True, "Data": {"Files": [{"Path": "onnx", "Type": "tree"}, *files]}}
    if match := re.fullmatch(r"/api/v1/models/([^/]+/[^/]+)/repo", request.path):
        content = REPOS[match[1]].get(request.query.get("FilePath"))
        if content is None or request.query.get("Revision") != "master":
            return 404, {}, {"Code": 404, "Message": "no such file"}
        return part_of(request, content, '"' + hashlib.sha256(content).hexdigest() + '"')
    return 404, {}, {"Code": 404}
