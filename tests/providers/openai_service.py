"""OpenAI's HTTP API as far as Gaze uses it, and Azure's form of it.

Shapes from the official Python client openai 3.54.0 (PyPI), whose types are generated from OpenAI's OpenAPI
description: types/chat/completion_create_params.py, chat_completion.py, chat_completion_chunk.py,
responses/response_create_params.py, image_generate_params.py, image_edit_params.py, image_create_variation_params.py,
embedding_create_params.py, audio/transcription_create_params.py, transcription.py, transcription_text_*_event.py. Errors: the guide
"Error codes" (developers.openai.com/api/docs/guides/error-codes). Azure: "Azure OpenAI REST API reference", data plane
2024-10-21 (learn.microsoft.com).
"""
import base64
import json
import re

from shape import ANY, OneOf, Opt, Range, Refused, check, parse_form

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
    "stop": Opt(OneOf(str, [str])),
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
    handlers = {"/chat/completions": chat, "/responses": responses, "/images/generations": generate,
                "/images/edits": edit, "/images/variations": vary, "/embeddings": embed,
                "/audio/transcriptions": transcribe}
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


def of_schema(body):
    """An answer of the schema that was asked for, as far as the tests ask."""
    properties = body["response_format"]["json_schema"]["schema"].get("properties", {})
    content = body["messages"][-1]["content"]
    question = content if isinstance(content, str) else content[0]["text"]
    if "probabilities" in properties:
        count = len(re.findall(r"^\d+\. ", question, re.M))
        return {"probabilities": [number / 10 for number in range(count)], **({"none": 0.25} if "none" in properties else {})}
    if "probability" in properties:
        return {"probability": len(body["messages"][-1]["content"][1]["image_url"]["url"]) % 97 / 97}
    if "enum" in properties.get("answer", {}):
        return {"answer": properties["answer"]["enum"][-1]}
    return {"animals": ["猫", "dog"]}


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
    for stop in body.get("stop", []):
        text = text.partition(stop)[0]
    message = {"role": "assistant", "content": text, "refusal": None}
    if "response_format" in body:
        message["content"] = text = json.dumps(of_schema(body), ensure_ascii=False)
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


RESPONSES = {
    "model": str,
    "input": OneOf(str, [OneOf(
        {"role": "user", "content": OneOf(str, [OneOf(
            {"type": "input_text", "text": str},
            {"type": "input_image", "image_url": data_or_web_url, "detail": OneOf("auto", "low", "high", "original")},
            {"type": "input_file", "filename": Opt(str), "file_data": Opt(str)})])},
        {"role": "assistant", "content": str},
        {"type": "function_call", "call_id": str, "name": str, "arguments": str},
        {"type": "function_call_output", "call_id": str, "output": str})]),
    "instructions": Opt(str),
    "max_output_tokens": Opt(Range(int, 16, 10**6)),
    "temperature": Opt(Range(NUMBER, 0, 2)),
    "top_p": Opt(Range(NUMBER, 0, 1)),
    "tools": Opt([{"type": "function", "name": str, "description": Opt(str), "parameters": dict, "strict": bool}]),
    "text": Opt({"format": {"type": "json_schema", "name": str, "schema": dict, "strict": Opt(bool)}}),
    "store": Opt(bool),
    "stream": Opt(bool),
}


def responses(request, compatible):
    body = request.json()
    check(body, RESPONSES)
    head = {"id": "resp_1", "object": "response", "created_at": 1764000000, "model": body["model"], "error": None,
            "instructions": None, "metadata": {}, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
            "temperature": 1.0, "top_p": 1.0}
    usage = {"input_tokens": 21, "output_tokens": 8, "total_tokens": 29,
             "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    if "tools" in body and not any(item.get("type") == "function_call_output" for item in body["input"]):
        output = [{"type": "function_call", "id": "fc_1", "call_id": "call_1", "status": "completed",
                   "name": body["tools"][0]["name"], "arguments": '{"place":"北京"}'}]
        text = ""
    else:
        text = ANSWER
        output = [{"type": "reasoning", "id": "rs_1", "summary": []},
                  {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                   "content": [{"type": "output_text", "text": text, "annotations": []}]}]
    done = {**head, "status": "completed", "incomplete_details": None, "output": output, "usage": usage}
    if body.get("max_output_tokens") == 16:
        done |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    if not body.get("stream"):
        return 200, {}, done
    events = [{"type": "response.created", "response": {**head, "status": "in_progress", "output": [], "usage": None,
                                                        "incomplete_details": None}}]
    events += [{"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 1, "content_index": 0,
                "delta": character, "logprobs": []} for character in text]
    kind = "response.incomplete" if done["status"] == "incomplete" else "response.completed"
    events.append({"type": kind, "response": done})
    return 200, {}, [{**event, "sequence_number": number} for number, event in enumerate(events)]


PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
GENERATION = {
    "prompt": str,
    "model": Opt(str),
    "n": Opt(Range(int, 1, 10)),
    "size": Opt(str),
    "quality": Opt(OneOf("low", "medium", "high", "auto", "standard", "hd")),
    "style": Opt(OneOf("vivid", "natural")),
    "background": Opt(OneOf("transparent", "opaque", "auto")),
    "response_format": Opt(OneOf("url", "b64_json")),
}


def pictures(request, model, count, wants):
    if model.startswith("gpt-image") and wants:
        return error(400, "Unknown parameter: 'response_format'.", code="unknown_parameter", param="response_format")
    encoded = base64.b64encode(PNG).decode()
    if model.startswith("dall-e") and wants != "b64_json":
        data = [{"url": f"http://{request.headers['Host']}/files/picture.png"}] * count
    else:
        data = [{"b64_json": encoded, **({"revised_prompt": "a cat"} if model == "dall-e-3" else {})}] * count
    return 200, {}, {"created": 1764000000, "data": data}


def generate(request, compatible):
    body = request.json()
    check(body, GENERATION)
    if "blocked" in body["prompt"]:
        return error(400, "Your request was rejected by the safety system.", code="moderation_blocked")
    if body.get("model") == "dall-e-3" and body.get("n", 1) > 1:
        return error(400, "You must provide n=1 for this model.", param="n")
    return pictures(request, body.get("model", "dall-e-2"), body.get("n", 1), body.get("response_format"))


def form_of(request, allowed, files):
    fields = parse_form(request)
    for name in fields:
        if name not in allowed and name not in files:
            raise Refused(name, "unrecognised field")
        if name in files:
            for item in fields[name]:
                if not item["filename"] or not item["type"]:
                    raise Refused(name, "expected a file")
    return fields


def edit(request, compatible):
    fields = form_of(request, {"prompt", "model", "n", "size", "quality", "background", "response_format"},
                     {"image", "image[]", "mask"})
    if "prompt" not in fields or not ({"image", "image[]"} & fields.keys()):
        raise Refused("image", "required, but missing")
    one = {name: items[0]["value"].decode() for name, items in fields.items() if not items[0]["filename"]}
    return pictures(request, one.get("model", "gpt-image-1"), int(one.get("n", 1)), one.get("response_format"))


def vary(request, compatible):
    fields = form_of(request, {"model", "n", "size", "response_format"}, {"image"})
    one = {name: items[0]["value"].decode() for name, items in fields.items() if not items[0]["filename"]}
    if "image" not in fields:
        raise Refused("image", "required, but missing")
    if one.get("model", "dall-e-2") != "dall-e-2":
        return error(400, f"The model '{one['model']}' does not support image variations.", param="model")
    picture = fields["image"][0]["value"]
    if not picture.startswith(b"\x89PNG") or picture[16:20] != picture[20:24] or len(picture) >= 4_000_000:
        return error(400, "Uploaded image must be a PNG and less than 4 MB, and square.", param="image")
    return pictures(request, one.get("model", "dall-e-2"), int(one.get("n", 1)), one.get("response_format"))


def embed(request, compatible):
    body = request.json()
    check(body, {"model": str, "input": OneOf(str, [str]), "encoding_format": Opt(OneOf("float", "base64")),
                 "dimensions": Opt(Range(int, 1, 10000))})
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [{"object": "embedding", "index": index, "embedding": [float(len(text)), 0.5, -index / 4][:body.get("dimensions", 3)]}
            for index, text in enumerate(texts)]
    return 200, {}, {"object": "list", "model": body["model"], "data": data[::-1], "usage": {"prompt_tokens": 1, "total_tokens": 1}}


def transcribe(request, compatible):
    fields = form_of(request, {"model", "language", "prompt", "response_format", "temperature", "stream"}, {"file"})
    if "file" not in fields or "model" not in fields:
        raise Refused("file", "required, but missing")
    one = {name: items[0]["value"].decode() for name, items in fields.items() if not items[0]["filename"]}
    text = f"听到 {len(fields['file'][0]['value'])} 字节"
    if one["model"] == "whisper-1":  # streams to nobody
        return 200, {}, {"text": text, "usage": {"type": "duration", "seconds": 9}}
    if one.get("response_format") != "json":
        raise Refused("response_format", "only json works with this model")
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 5, "total_tokens": 19}
    if one.get("stream") != "true":
        return 200, {}, {"text": text, "usage": usage}
    return 200, {}, [*({"type": "transcript.text.delta", "delta": character} for character in text),
                     {"type": "transcript.text.done", "text": text, "usage": usage}]
