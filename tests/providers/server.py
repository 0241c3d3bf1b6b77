#!/usr/bin/env python3
"""The services that Gaze talks to, on loopback, for tests: strict about requests, and made to misbehave on demand.

Prints two ports, of two origins with the same services: what is redirected from one to the other left its host.
POST /__control/faults [{…}] makes the next requests whose path begins with "path" go wrong, each "times" times (1):
  status, headers, body  this answer instead         delay     seconds before the answer
  redirect               a 302 (or "status") to it   split     sizes of the pieces the answer is written in, repeated
  cut                    close after so many bytes   pause     seconds between the pieces
  length                 a false Content-Length      close     close at once, without an answer
  corrupt                one byte of the answer      extra     so many bytes more than there are
  ignore_range           the whole file, always
GET /__control/requests gives what came since the last call: method, path, query, headers, body (base64), port.
Ends when its standard input does, so that no server outlives its test.

`server.py FOLDER`: the first of the two speaks TLS, with a certificate for 127.0.0.1 of an authority of its own, which
is written to FOLDER/ca.pem.
"""
import base64
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gemini_service
import hub_service
import openai_service

lock = threading.Lock()
faults, requests = [], []


def route(request):
    path = request.path
    if path.startswith("/v1/"):
        return openai_service.serve(request)
    if path.startswith("/compatible/v1/"):
        return openai_service.serve(request, compatible=True)
    if path.startswith("/openai/deployments/"):
        return openai_service.serve_azure(request)
    if path.startswith(("/v1beta/", "/upload/v1beta/", "/upload-session/")):
        return gemini_service.serve(request)
    if path == "/files/picture.png":
        return storage(request)
    if path.startswith("/api/v1/models/"):
        return hub_service.serve_modelscope(request)
    return hub_service.serve(request)


def storage(request):
    """Where a service keeps generated pictures: another service, which must not see a key."""
    if "Authorization" in request.headers:
        return 400, {}, {"error": "a key came along"}
    return 200, {"Content-Type": "image/png"}, openai_service.PNG


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    def json(self):
        return json.loads(self.body)

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def handle_one(self):
        self.method = self.command
        address = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(address.query))
        self.path = urllib.parse.unquote(address.path)
        self.body = self.read_body()
        if self.path.startswith("/__control/"):
            return self.control()
        with lock:
            requests.append({"method": self.method, "path": self.path, "query": self.query,
                             "headers": {name.lower(): value for name, value in self.headers.items()},
                             "body": base64.b64encode(self.body).decode(), "port": self.server.server_port,
                             "time": time.monotonic()})
            fault = next((f for f in faults if self.path.startswith(f["path"])), {})
            if fault:
                fault["times"] = fault.get("times", 1) - 1
                if fault["times"] == 0:
                    faults.remove(fault)
        self.fault = fault
        if fault.get("close"):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        time.sleep(fault.get("delay", 0))
        if "redirect" in fault:
            return self.answer(fault.get("status", 302), {"Location": fault["redirect"]}, b"", fault)
        if "status" in fault or "body" in fault:
            body = fault.get("body", "")
            if not isinstance(body, str):
                body = json.dumps(body)
            headers = {"Content-Type": "application/json", **fault.get("headers", {})}
            return self.answer(fault.get("status", 200), headers, body.encode(), fault)
        status, headers, body = route(self)
        if isinstance(body, list):
            text = "".join(self.event(item) for item in body)
            self.answer(status, {"Content-Type": "text/event-stream", **headers}, text.encode(), fault)
        elif isinstance(body, bytes):
            if "corrupt" in fault and body:
                body = body[:-1] + bytes([body[-1] ^ 1])
            body += b"x" * fault.get("extra", 0)
            self.answer(status, headers, body, fault)
        else:
            text = json.dumps(body, ensure_ascii=False)
            self.answer(status, {"Content-Type": "application/json", **headers}, text.encode(), fault)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_one

    @staticmethod
    def event(item):
        if isinstance(item, str):
            return f"data: {item}\n\n"
        name = f"event: {item['type']}\n" if "type" in item else ""
        return f"{name}data: {json.dumps(item, ensure_ascii=False)}\n\n"

    def answer(self, status, headers, body, fault):
        streamed = headers.get("Content-Type") == "text/event-stream" and "length" not in fault
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if streamed:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(fault.get("length", len(body))))
        self.end_headers()
        if self.method == "HEAD":
            return
        sizes = fault.get("split", [1 << 20])
        sent, turn = 0, 0
        while sent < len(body):
            piece = body[sent:sent + sizes[turn % len(sizes)]]
            if "cut" in fault:
                piece = piece[:fault["cut"] - sent]
            if piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if streamed else piece)
                self.wfile.flush()
            sent += len(piece)
            turn += 1
            if sent >= fault.get("cut", 1 << 60):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            time.sleep(fault.get("pause", 0))
        if streamed:
            self.wfile.write(b"0\r\n\r\n")
        if "length" in fault:
            self.close_connection = True

    def control(self):
        with lock:
            result = {}
            if self.path == "/__control/faults":
                faults[:] = self.json()
            elif self.path == "/__control/requests":
                result = list(requests)
                requests.clear()
        text = json.dumps(result).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError)):
            super().handle_error(request, client_address)


def certificate(folder):
    """A TLS context with a certificate signed by a new authority; openssl makes both."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=folder, stderr=subprocess.DEVNULL)

    openssl("req", "-x509", *key, "-subj", "/CN=An authority of nobody", "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", "-x509", *key, "-subj", "/CN=A server", "-addext", "subjectAltName=IP:127.0.0.1", "-CA", "ca.pem",
            "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    return context


def main():
    servers = [Server(("127.0.0.1", 0), Handler) for _ in range(2)]
    for one, other in (servers, servers[::-1]):
        one.other_port = other.server_port
    if len(sys.argv) > 1:
        servers[0].socket = certificate(sys.argv[1]).wrap_socket(servers[0].socket, server_side=True,
                                                                 do_handshake_on_connect=False)
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(*(server.server_port for server in servers), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
