"""OpenAI's HTTP API as far as Gaze uses it, and Azure's form of it.

Shapes from the official Python client openai 3.54.0 (PyPI), whose types are generated from OpenAI's OpenAPI
description: types/chat/completion_create_params.py, chat_completion.py, chat_completion_chunk.py. Errors: the guide
"Error codes" (developers.openai.com/api/docs/guides/error-codes). Azure: "Azure OpenAI REST API reference", data plane
2024-10-21 (learn.microsoft.com).
"""
import base64
import json
import re

from shape import ANY, OneOf, Opt, Range, Refused, check

KEY = "sk-test-4f1d8c27a90b5e63"
ANSWER = "这张图片里有一只猫 🐱 and a dog.\nÇa va?"
NUMBER = (int, float)


def data_or_web_url(value, where):
    if not isinstance(value, str):
        raise Refused(where, "expected str")
    match = re.fullmatch(r"data:(image/(?:jpeg|png|webp|gif));base64,([A-Za-z0-9+/]*={0,2})", value)
    if match:
        base64.b64decode(match[2], validate=True)
    elif not re.match(r"https?://", value):
        raise Refused(where, "neither a data URL of a picture nor a web address")


TEXT = {"type": "text", "text": str}
PICTURE = {"type": "image_url",
           "image_url": {"url": data_or_web_url, "detail": Opt(OneOf("auto", "low", "high", "original"))}}
SOUND = {"type": "input_audio", "input_audio": {"data": str, "format": OneOf("wav", "mp3")}}
FILE = {"type": "file", "file": {"filename": Opt(str), "file_data": Opt(str), "file_id": Opt(str)}}
TOOL_CALL = {"id": str, "type": "function", "function": {"name": str, "arguments": str}}
MESSAGE = OneOf(
    {"role": "system", "content": str},
    {"role": "user", "content": OneOf(str, [OneOf(TEXT, PICTURE, SOUND, FILE)])},
    {"role": "assistant", "content": OneOf(str, None, [TEXT]), "tool_calls": Opt([TOOL_CALL])},
    {"role": "tool", "content": OneOf(str, [TEXT]), "tool_call_id": str},
)
CHAT = {
    "model": str,
    "messages": [MESSAGE],
    "max_tokens": Opt(Range(int, 1, 10**6)),
    "max_completion_tokens": Opt(Range(int, 1, 10**6)),
    "temperature": Opt(Range(NUMBER, 0, 2)),
    "top_p": Opt(Range(NUMBER, 0, 1)),
    "seed": Opt(int),
    "stream": Opt(bool),
    "stream_options": Opt({"include_usage": Opt(bool)}),
    "tools": Opt([{"type": "function", "function": {"name": str, "description": Opt(str), "parameters": Opt(dict)}}]),
    "response_format": Opt(OneOf({"type": "text"}, {"type": "json_object"}, {
        "type": "json_schema", "json_schema": {"name": str, "schema": dict, "strict": Opt(bool)}})),
}
# vLLM's additions ("OpenAI-Compatible Server", extra parameters, docs.vllm.ai): for servers given by URL.
COMPATIBLE_CHAT = {**CHAT, "top_k": Opt(int), "repetition_penalty": Opt(NUMBER)}


def error(status, text, kind="invalid_request_error", code=None, param=None):
    return status, {}, {"error": {"message": text, "type": kind, "param": param, "code": code}}


def authorized(request):
    """OpenAI quotes a wrong key with its middle hidden."""
    given = request.headers.get("Authorization", "")
    if given == f"Bearer {KEY}":
        return None
    key = given.removeprefix("Bearer ")
    return error(401, f"Incorrect API key provided: {key[:8]}****{key[-4:]}.", code="invalid_api_key")


def serve(request, compatible=False):
    """(status, headers, JSON or list of stream events) for a request whose path begins with /v1."""
    refused = authorized(request)
    if refused:
        return refused
    handlers = {"/chat/completions": chat}
    handler = handlers.get(request.path.removeprefix("/compatible").removeprefix("/v1"))
    if handler is None or request.method != "POST":
        return error(404, f"Invalid URL ({request.method} {request.path})")
    try:
        return handler(request, compatible)
    except Refused as fault:
        return error(400, str(fault), param=fault.where)


def serve_azure(request):
    if request.headers.get("api-key") != KEY:
        return 401, {}, {"error": {"code": "401", "message": "Access denied due to invalid subscription key"}}
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", request.query.get("api-version", "")):
        return 404, {}, {"error": {"code": "404", "message": "Resource not found"}}
    deployment, path = re.fullmatch(r"/openai/deployments/([^/]+)(/.*)", request.path).groups()
    if deployment != "my-deployment":
        return 404, {}, {"error": {"code": "DeploymentNotFound", "message": "The API deployment does not exist."}}
    if path != "/chat/completions":
        return 404, {}, {"error": {"code": "404", "message": "Resource not found"}}
    try:
        return chat(request, False)
    except Refused as fault:
        return error(400, str(fault), param=fault.where)


def chat(request, compatible):
    body = request.json()
    check(body, COMPATIBLE_CHAT if compatible else CHAT)
    model = body["model"]
    if model.startswith("no-such"):
        return error(404, f"The model `{model}` does not exist", code="model_not_found")
    reasoning = re.match(r"o\d|gpt-[5-9]", model) and not compatible
    if reasoning and "max_tokens" in body:
        return error(400, "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                     "'max_completion_tokens' instead.", code="unsupported_parameter", param="max_tokens")
    limit = body.get("max_tokens", body.get("max_completion_tokens", 10**6))
    words = re.findall(r"\s*\S+", ANSWER)
    text = "".join(words[:limit])
    reason = "length" if limit < len(words) else "stop"
    message = {"role": "assistant", "content": text, "refusal": None}
    if "response_format" in body:
        message["content"] = text = json.dumps({"animals": ["猫", "dog"]}, ensure_ascii=False)
    if "tools" in body and body["messages"][-1]["role"] != "tool":
        reason, text = "tool_calls", None
        name = body["tools"][0]["function"]["name"]
        message |= {"content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": name, "arguments": '{"place":"北京"}'}}]}
    usage = {"prompt_tokens": 17, "completion_tokens": min(limit, len(words)), "total_tokens": 17 + min(limit, len(words))}
    head = {"id": "chatcmpl-1", "created": 1764000000, "model": model}
    if not body.get("stream"):
        return 200, {}, {**head, "object": "chat.completion", "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}], "usage": usage}

    def chunk(delta, finish=None):
        return {**head, "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}

    events = [chunk({"role": "assistant", "content": ""})]
    if text is None:
        call = message["tool_calls"][0]
        events.append(chunk({"tool_calls": [{"index": 0, "id": call["id"], "type": "function",
                                             "function": {"name": call["function"]["name"], "arguments": ""}}]}))
        for character in call["function"]["arguments"]:
            events.append(chunk({"tool_calls": [{"index": 0, "function": {"arguments": character}}]}))
    else:
        events += [chunk({"content": character}) for character in text]
    events.append(chunk({}, reason))
    if body.get("stream_options", {}).get("include_usage"):
        events.append({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    return 200, {}, [*events, "[DONE]"]
