#!/usr/bin/env python3
"""Makes the same calls with Gaze (client_calls) and with the official Python clients, against the same test server, and
compares what was sent: method, path, query and body, field by field. `make check-clients` runs it in a virtual
environment that has openai and google-genai.

What may differ, and why:
- base64 alphabets: google-genai writes the URL-safe one, the API takes both; compared decoded;
- snake_case: google-genai mixes both spellings of a field, which the API takes; compared in camelCase;
- the order of fields, whole numbers written as 3 or 3.0, the boundary and file names of a form.
"""
import base64
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

import google.genai
import openai
from google.genai import types

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here))
import gemini_service  # noqa: E402
import openai_service  # noqa: E402
from shape import parse_form  # noqa: E402

TOOL = {"name": "weather", "description": "The weather at a place",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}}}
ANIMALS = {"type": "object", "properties": {"animals": {"type": "array", "items": {"type": "string"}}}}
QUESTION = "这张图片里有什么？详细描述一下。"


def openai_calls(base, picture, sound):
    client = openai.OpenAI(api_key=openai_service.KEY, base_url=base + "/v1")
    azure = openai.AzureOpenAI(api_key=openai_service.KEY, azure_endpoint=base, api_version="2024-10-21")
    url = "data:image/png;base64," + base64.b64encode(picture).decode()

    def messages(**detail):
        return [{"role": "user", "content": [{"type": "text", "text": QUESTION},
                                             {"type": "image_url", "image_url": {"url": url, **detail}}]}]

    schema = {"name": "animals", "schema": ANIMALS, "strict": True}
    chat = client.chat.completions.create
    chat(model="gpt-4o", messages=messages(), max_tokens=500)
    list(chat(model="gpt-4o", messages=messages(), max_tokens=500, stream=True, stream_options={"include_usage": True}))
    chat(model="o3", messages=[{"role": "system", "content": "Answer briefly."}, *messages(detail="low")],
         max_completion_tokens=500, temperature=0.5, top_p=0.9, seed=7)
    chat(model="gpt-4o", messages=messages(), max_tokens=500, tools=[{"type": "function", "function": TOOL}])
    chat(model="gpt-4o", messages=messages(), max_tokens=500,
         response_format={"type": "json_schema", "json_schema": schema})
    respond = {"model": "o3-pro", "instructions": "Answer briefly.", "max_output_tokens": 500, "temperature": 0.5,
               "top_p": 0.9, "store": False,
               "input": [{"role": "user", "content": [{"type": "input_text", "text": QUESTION},
                                                      {"type": "input_image", "image_url": url, "detail": "auto"}]}]}
    client.responses.create(**respond)
    list(client.responses.create(**respond, stream=True, tools=[{"type": "function", **TOOL, "strict": False}],
                                 text={"format": {"type": "json_schema", **schema}}))
    azure.chat.completions.create(model="my-deployment", messages=messages(), max_tokens=500)
    client.images.generate(model="gpt-image-1", prompt="一只猫", size="1024x1024", n=2, quality="high")
    client.images.generate(model="dall-e-3", prompt="一只猫", style="natural", n=1, response_format="b64_json")

    def file():
        return ("picture.png", io.BytesIO(picture), "image/png")

    client.images.edit(model="gpt-image-1", prompt="blue", image=file(), mask=file(), n=1)
    client.images.edit(model="gpt-image-1", prompt="both", image=[file(), file()], n=1)
    client.images.create_variation(model="dall-e-2", image=file(), n=1, response_format="b64_json")
    client.images.create_variation(model="dall-e-2", image=file(), n=2, size="512x512", response_format="b64_json")
    client.embeddings.create(model="text-embedding-3-small", input=["猫", "dog"], dimensions=2, encoding_format="float")
    client.embeddings.create(model="text-embedding-3-small", input=["猫"], encoding_format="float")

    def transcribe(model, **more):
        recording = ("sound.wav", sound.read_bytes(), "audio/wav")
        return client.audio.transcriptions.create(model=model, file=recording, response_format="json", **more)

    transcribe("whisper-1", prompt="Gaze")
    list(transcribe("gpt-4o-transcribe", prompt="Gaze", stream=True))
    transcribe("gpt-4o-mini-transcribe", temperature=0.5)


def gemini_calls(base, picture, video):
    client = google.genai.Client(api_key=gemini_service.KEY,
                                 http_options=types.HttpOptions(base_url=base, api_version="v1beta"))
    models, flash = client.models, "gemini-2.5-flash"
    contents = [QUESTION, types.Part.from_bytes(data=picture, mime_type="image/png")]
    plain = {"max_output_tokens": 500}
    models.generate_content(model=flash, contents=contents, config=plain)
    list(models.generate_content_stream(model=flash, contents=contents, config=plain))
    models.generate_content(model=flash, contents=contents, config={
        **plain, "system_instruction": "Answer briefly.", "temperature": 0.5, "top_p": 0.9, "top_k": 3, "seed": 7,
        "response_mime_type": "application/json", "response_json_schema": ANIMALS})
    declaration = types.FunctionDeclaration(name=TOOL["name"], description=TOOL["description"],
                                            parameters_json_schema=TOOL["parameters"])
    models.generate_content(model=flash, contents=contents, config={
        **plain, "tools": [types.Tool(function_declarations=[declaration])],
        "automatic_function_calling": {"disable": True}})
    uploaded = client.files.upload(file=video)
    while uploaded.state == types.FileState.PROCESSING:
        uploaded = client.files.get(name=uploaded.name)
    models.generate_content(model=flash, contents=[uploaded, "什么？"], config=plain)
    client.files.delete(name=uploaded.name)
    models.generate_content(model="gemini-2.5-flash-image", contents=["一只猫"], config={
        "response_modalities": ["TEXT", "IMAGE"], "image_config": {"aspect_ratio": "16:9"}})
    models.embed_content(model="gemini-embedding-001", contents=["猫", "dog"])
    models.embed_content(model="gemini-embedding-001", contents=["猫"], config={"output_dimensionality": 2})


class Recorded:
    """A recorded request, as the services saw it."""

    def __init__(self, entry):
        self.headers = {"Content-Type": entry["headers"].get("content-type", "")}
        self.body = base64.b64decode(entry["body"])


def normal(value, name=""):
    if isinstance(value, dict):
        return {key: normal(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [normal(item) for item in value]
    if name == "data" and isinstance(value, str):
        return base64.urlsafe_b64decode(value.replace("+", "-").replace("/", "_") + "==").hex()
    if name == "fileUri":
        return value.rpartition("/")[0]
    return value


def comparable(entry):
    path = entry["path"]
    for mark in ("files/upload",):  # the server numbers uploads
        if mark in path:
            path = path[:path.index(mark)]
    kind = entry["headers"].get("content-type", "")
    recorded = Recorded(entry)
    if kind.startswith("multipart/form-data"):
        body = {name: sorted((item["type"] if item["filename"] else None, item["value"].hex()) for item in items)
                for name, items in parse_form(recorded).items()}
    elif path.startswith("/upload-session/"):
        body = recorded.body.hex()[:64], len(recorded.body)
    elif recorded.body:
        body = json.loads(recorded.body)
        if path.startswith(("/v1beta", "/upload")):
            body = gemini_service.camel(body)
        body = normal(body)
    else:
        body = None
    return {"method": entry["method"], "path": path, "query": entry["query"], "body": body}


def take_requests(base):
    with urllib.request.urlopen(base + "/__control/requests") as answer:
        return [comparable(entry) for entry in json.load(answer)]


def differences(ours, theirs, where=""):
    if type(ours) is type(theirs) and isinstance(ours, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            if key not in ours or key not in theirs:
                yield f"{where}.{key}: only {'theirs' if key not in ours else 'ours'}"
            else:
                yield from differences(ours[key], theirs[key], f"{where}.{key}")
    elif type(ours) is type(theirs) and isinstance(ours, list) and len(ours) == len(theirs):
        for index, pair in enumerate(zip(ours, theirs)):
            yield from differences(*pair, f"{where}[{index}]")
    elif ours != theirs:
        yield f"{where}: ours {str(ours)[:120]}, theirs {str(theirs)[:120]}"


def main():
    server = subprocess.Popen([sys.executable, "-B", here / "server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    base = f"http://127.0.0.1:{int(server.stdout.readline().split()[0])}"
    os.environ["OPENAI_API_VERSION"] = "2024-10-21"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "picture.png").write_bytes(openai_service.PNG)
        (folder / "sound.wav").write_bytes(b"RIFF" + b"x" * 1000)
        (folder / "video.mp4").write_bytes(b"v" * (14 << 20))
        driver = [sys.argv[1], base, folder / "picture.png", folder / "sound.wav", folder / "video.mp4",
                  openai_service.KEY, gemini_service.KEY]
        subprocess.run(driver, check=True, env={**os.environ, "GOOGLE_GENAI_API_VERSION": "v1beta"})
        ours = take_requests(base)
        openai_calls(base, openai_service.PNG, folder / "sound.wav")
        gemini_calls(base, openai_service.PNG, folder / "video.mp4")
        theirs = take_requests(base)
    faults = 0
    for number, (one, other) in enumerate(zip(ours, theirs)):
        found = list(differences(one, other))
        faults += len(found)
        print(f"{number + 1:2} {one['method']} {one['path']}: {'same' if not found else ''}")
        for fault in found:
            print("     ", fault)
    if len(ours) != len(theirs):
        faults += 1
        print(f"Gaze made {len(ours)} requests, the official clients {len(theirs)}")
    print(f"openai {openai.__version__}, google-genai {google.genai.__version__}: {faults} differences in {len(ours)} requests")
    server.stdin.close()
    server.wait()
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
