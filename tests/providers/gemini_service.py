"""Gemini's HTTP API as far as Gaze uses it.

Shapes: Gemini API reference, v1beta: "models.generateContent", "models.predict" (Imagen), "models.batchEmbedContents",
"media.upload", "files" (ai.google.dev/api), and the types of the official Python client google-genai 3.4.0 (PyPI),
google/genai/types.py. Field names may be camelCase or snake_case, as protocol buffers' JSON mapping allows.
"""
import base64
import json
import re
import threading

from shape import ANY, OneOf, Opt, Range, Refused, check

KEY = "AIza-test-9c1e7d4f8a26b3"
ANSWER = ["这张图片", "里有一只猫 🐱", " and a dog.\nÇa va?"]
NUMBER = (int, float)

files = {}  # name: {"size", "type", "data", "polls"}
lock = threading.Lock()


def camel(value):
    if isinstance(value, dict):
        return {name if name in ("properties", "args") else re.sub(r"_([a-z])", lambda m: m[1].upper(), name):
                item if name in ("responseJsonSchema", "parametersJsonSchema", "parameters_json_schema", "args") else camel(item)
                for name, item in value.items()}
    return [camel(item) for item in value] if isinstance(value, list) else value


def any_base64(value, where):
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9+/_-]*={0,2}", value) or not value:
        raise Refused(where, "expected base64")


MIME_TYPES = OneOf("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif", "audio/wav", "audio/mpeg",
                   "audio/mp4", "audio/ogg", "audio/flac", "audio/aac", "video/mp4", "video/quicktime", "video/webm",
                   "video/x-msvideo", "video/x-matroska", "video/mpeg", "application/pdf")
PART = OneOf(
    {"text": str},
    {"inlineData": {"data": any_base64, "mimeType": MIME_TYPES}},
    {"fileData": {"fileUri": str, "mimeType": MIME_TYPES}},
    {"functionCall": {"name": str, "args": dict, "id": Opt(str)}},
    {"functionResponse": {"name": str, "response": dict, "id": Opt(str)}},
)
CONTENT = {"parts": [PART], "role": Opt(OneOf("user", "model"))}
GENERATE = {
    "contents": [CONTENT],
    "systemInstruction": Opt(CONTENT),
    "tools": Opt([{"functionDeclarations": [{"name": str, "description": str, "parametersJsonSchema": Opt(dict)}]}]),
    "generationConfig": Opt({
        "temperature": Opt(Range(NUMBER, 0, 2)),
        "topP": Opt(Range(NUMBER, 0, 1)),
        "topK": Opt(NUMBER),
        "maxOutputTokens": Opt(Range(int, 1, 10**6)),
        "seed": Opt(int),
        "stopSequences": Opt([str]),
        "responseMimeType": Opt(OneOf("text/plain", "application/json")),
        "responseJsonSchema": Opt(dict),
        "responseModalities": Opt([OneOf("TEXT", "IMAGE")]),
        "imageConfig": Opt({"aspectRatio": OneOf("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")}),
    }),
}


def error(status, text, kind, reason=None):
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    return status, {}, {"error": {"code": status, "message": text, "status": kind, "details": details}}


def serve(request):
    if request.path.startswith("/upload-session/"):
        return upload_piece(request)
    if request.headers.get("x-goog-api-key") != KEY:
        return error(400, "API key not valid. Please pass a valid API key.", "INVALID_ARGUMENT", "API_KEY_INVALID")
    try:
        if request.path == "/upload/v1beta/files":
            return upload_start(request)
        if match := re.fullmatch(r"/v1beta/(files/[^/]+)", request.path):
            return file_state(request, match[1])
        if match := re.fullmatch(r"/v1beta/models/([^/:]+):(\w+)", request.path):
            handler = {"generateContent": generate, "streamGenerateContent": generate, "predict": predict,
                       "batchEmbedContents": embed}.get(match[2])
            if handler and not match[1].startswith("no-such"):
                return handler(request, match[1], camel(request.json()))
        return error(404, f"{request.path} is not found for API version v1beta", "NOT_FOUND")
    except Refused as fault:
        return error(400, f"Invalid JSON payload received. {fault}", "INVALID_ARGUMENT")


def generate(request, model, body):
    check(body, GENERATE)
    if len(request.body) > 20_000_000:
        return error(400, "Request payload size exceeds the limit: 20971520 bytes.", "INVALID_ARGUMENT")
    for content in body["contents"]:
        for part in content["parts"]:
            if "fileData" in part:
                name = part["fileData"]["fileUri"].rpartition("/v1beta/")[2]
                if name not in files or files[name]["polls"] < 2:
                    return error(400, f"The File {name} is not in an ACTIVE state.", "FAILED_PRECONDITION")
    prompt = json.dumps(body["contents"], ensure_ascii=False)
    usage = {"promptTokenCount": 30, "candidatesTokenCount": 9, "totalTokenCount": 44, "thoughtsTokenCount": 5}
    config = body.get("generationConfig", {})
    if "blocked" in prompt:
        chunks = [{"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": usage}]
    elif "IMAGE" in config.get("responseModalities", []):
        picture = base64.b64encode(b"\x89PNG picture").decode()
        chunks = [candidate([{"text": "Here."}, {"inlineData": {"mimeType": "image/png", "data": picture}}], "STOP", usage)]
    elif "tools" in body and "functionResponse" not in prompt:
        name = body["tools"][0]["functionDeclarations"][0]["name"]
        chunks = [candidate([{"functionCall": {"name": name, "args": {"place": "北京"}}}], "STOP", usage)]
    elif config.get("responseMimeType") == "application/json":
        chunks = [candidate([{"text": '{"animals":["猫","dog"]}'}], "STOP", usage)]
    else:
        reason = "MAX_TOKENS" if config.get("maxOutputTokens", 500) < 3 else "SAFETY" if "unsafe" in prompt else "STOP"
        chunks = [candidate([{"text": "hidden thought", "thought": True}])]
        chunks += [candidate([{"text": text}]) for text in ANSWER[:-1]]
        chunks.append(candidate([{"text": ANSWER[-1]}], reason, usage))
    if request.path.endswith(":streamGenerateContent"):
        if request.query.get("alt") != "sse":
            return 200, {}, chunks
        return 200, {}, [json.dumps(chunk, ensure_ascii=False) for chunk in chunks]
    whole = chunks[-1]
    if "candidates" in whole:
        whole["candidates"][0]["content"]["parts"] = [
            part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    return 200, {}, whole


def candidate(parts, reason=None, usage=None):
    chunk = {"candidates": [{"content": {"role": "model", "parts": parts}, "index": 0}]}
    if reason:
        chunk["candidates"][0]["finishReason"] = reason
    if usage:
        chunk["usageMetadata"] = usage
    return chunk


def predict(request, model, body):
    check(body, {"instances": [{"prompt": str}],
                 "parameters": {"sampleCount": Opt(Range(int, 1, 4)),
                                "aspectRatio": Opt(OneOf("1:1", "3:4", "4:3", "9:16", "16:9"))}})
    picture = base64.b64encode(b"\x89PNG picture").decode()
    return 200, {}, {"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": picture}]
                     * body["parameters"].get("sampleCount", 1)}


def embed(request, model, body):
    check(body, {"requests": [{"model": f"models/{model}", "content": CONTENT, "outputDimensionality": Opt(int)}]})
    return 200, {}, {"embeddings": [{"values": [0.25 * index, 1.0]} for index in range(len(body["requests"]))]}


def upload_start(request):
    headers = request.headers
    if headers.get("X-Goog-Upload-Protocol") != "resumable" or headers.get("X-Goog-Upload-Command") != "start":
        return error(400, "Not a resumable upload", "INVALID_ARGUMENT")
    body = camel(request.json())
    check(body, {"file": {"mimeType": MIME_TYPES, "sizeBytes": int, "displayName": Opt(str)}})
    with lock:
        name = f"files/upload{len(files)}"
        files[name] = {"size": int(headers["X-Goog-Upload-Header-Content-Length"]),
                       "type": headers["X-Goog-Upload-Header-Content-Type"], "data": bytearray(), "polls": 0}
    # The real service names its public host, whatever host it was reached by: here the other origin.
    other = f"http://127.0.0.1:{request.server.other_port}"
    return 200, {"X-Goog-Upload-URL": f"{other}/upload-session/{name}?upload_id=7",
                 "X-Goog-Upload-Status": "active"}, {}


def upload_piece(request):
    """No key: the address is the permission, so one that comes along is a leak."""
    if "x-goog-api-key" in request.headers or request.query != {"upload_id": "7"}:
        return error(403, "Not here", "PERMISSION_DENIED")
    name = request.path.removeprefix("/upload-session/")
    file = files[name]
    command = request.headers["X-Goog-Upload-Command"]
    received = {"X-Goog-Upload-Size-Received": str(len(file["data"]))}
    if command == "query":
        return 200, {"X-Goog-Upload-Status": "active", **received}, {}
    if int(request.headers["X-Goog-Upload-Offset"]) != len(file["data"]):
        return error(400, "Offset is not where the upload is", "INVALID_ARGUMENT")
    file["data"] += request.body
    if "finalize" not in command:
        if len(request.body) % (256 * 1024):
            return error(400, "A piece must be a multiple of 256 KiB", "INVALID_ARGUMENT")
        return 200, {"X-Goog-Upload-Status": "active"}, {}
    if len(file["data"]) != file["size"]:
        return error(400, "Not all of the file came", "INVALID_ARGUMENT")
    return 200, {"X-Goog-Upload-Status": "final"}, {"file": described(request, name)}


def described(request, name):
    file = files[name]
    state = "FAILED" if file["data"].startswith(b"unreadable") else "ACTIVE" if file["polls"] >= 2 else "PROCESSING"
    return {"name": name, "uri": f"http://{request.headers['Host']}/v1beta/{name}", "mimeType": file["type"],
            "sizeBytes": str(file["size"]), "state": state}


def file_state(request, name):
    if name not in files:
        return error(403, "You do not have permission to access the File", "PERMISSION_DENIED")
    if request.method == "DELETE":
        del files[name]
        return 200, {}, {}
    files[name]["polls"] += 1
    return 200, {}, described(request, name)
