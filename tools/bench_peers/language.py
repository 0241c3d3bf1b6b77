#!/usr/bin/env python3
"""A peer's side of tools/bench: a GGUF language model in llama.cpp, measured when told to.

    language.py FILE.gguf THREADS PROMPT_TOKENS NEW_TOKENS

Each line on standard input is answered with tokens/s of the prompt, and of the answer behind it.
"""
import sys
import time

import llama_cpp

path, threads, prompt_tokens, new_tokens = sys.argv[1], *map(int, sys.argv[2:5])
model = llama_cpp.Llama(path, n_ctx=prompt_tokens + new_tokens, n_batch=512, n_threads=threads, n_threads_batch=threads,
                        verbose=False)


def run():
    begin = time.perf_counter()
    model.reset()
    model.eval(list(range(300, 300 + prompt_tokens)))
    middle = time.perf_counter()
    for i in range(new_tokens):
        model.eval([300 + i])
    return middle - begin, time.perf_counter() - middle


run()
print("ready", flush=True)
for line in sys.stdin:
    prefill, decode = run()
    print(prompt_tokens / prefill, new_tokens / decode, flush=True)
