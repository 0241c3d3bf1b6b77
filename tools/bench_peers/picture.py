#!/usr/bin/env python3
"""A peer's side of tools/bench: a question about a picture in llama.cpp, asked when told to.

    picture.py FILE.gguf MMPROJ.gguf THREADS PICTURE QUESTION

Each line on standard input is answered with the seconds to the first word, the tokens of the prompt, and the largest
memory of the process so far in MiB.
"""
import base64
import pathlib
import resource
import sys
import time

import llama_cpp
from llama_cpp.llama_chat_format import Llava15ChatHandler

path, eyes, threads, picture, question = sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:6]
model = llama_cpp.Llama(path, chat_handler=Llava15ChatHandler(eyes, verbose=False), n_ctx=2048,
                        n_threads=threads, n_threads_batch=threads, verbose=False)
url = "data:image/jpeg;base64," + base64.b64encode(pathlib.Path(picture).read_bytes()).decode()
messages = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}},
                                         {"type": "text", "text": question}]}]
print("ready", flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    answer = model.create_chat_completion(messages, max_tokens=1, temperature=0)
    print(time.perf_counter() - begin, answer["usage"]["prompt_tokens"],
          resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, flush=True)
