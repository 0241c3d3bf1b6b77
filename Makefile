# The doors to the build. On a fresh Debian 12: `make demo`, `make test`. Everything else is optional.
.DEFAULT_GOAL := build
.PHONY: help deps build demo test test-sanitized check-words soak check-clients soak-pull bench-clients lint tidy format bench fuzz train install clean
PREFIX ?= /usr/local

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

deps: ## install the Debian packages that are missing (does nothing where all are there)
	@tools/deps

build: deps ## build/gaze
	@cmake --preset release >/dev/null && cmake --build --preset release

demo: build ## index and search real pictures with the built-in model
	@tools/demo

test: build ## build and run all tests
	@ctest --preset release

test-sanitized: deps ## the same tests under AddressSanitizer and UBSan
	@cmake --preset sanitize >/dev/null && cmake --build --preset sanitize && ctest --preset sanitize

check-words: build ## greedy words of 200 prompts, odd models and pictures, beside those of transformers
	@cmake --build --preset release --target gaze_models_test gaze_tasks_test
	@build/gaze_models_test --gtest_brief=1 --gtest_filter='*GreedyIdsAreTheReferences*:*AnswersAboutPicturesAreTheReferences*'
	@build/gaze_tasks_test --gtest_brief=1 --gtest_filter='*AnswersAreTheReferencesForQuestionsAndForWholePrompts*'

soak: build ## kill the indexer 200 times
	@GAZE_KILLS=200 build/tests/library/gaze_shared_library_test

FUZZ_SECONDS ?= 60
fuzz: deps ## run every fuzz target for FUZZ_SECONDS (needs clang)
	@cmake --preset fuzz -DGAZE_FUZZ_SECONDS=$(FUZZ_SECONDS) >/dev/null && cmake --build --preset fuzz --target fuzz

CLIENTS_VENV ?= $(HOME)/.cache/gaze-check-clients
check-clients: build ## compare what we send with the official Python clients (installs them from PyPI in a venv)
	@test -x $(CLIENTS_VENV)/bin/python || python3 -m venv $(CLIENTS_VENV)
	@$(CLIENTS_VENV)/bin/pip install -q openai==3.54.0 google-genai==3.4.0
	@cmake --build --preset release --target gaze_client_calls
	@$(CLIENTS_VENV)/bin/python -B tests/providers/check_clients.py build/tests/providers/gaze_client_calls

soak-pull: build ## kill a download 1,000 times and look at its bytes each time
	@python3 -B tests/providers/soak_pull.py build/tests/providers/gaze_pull_once 1000

bench: build ## CLIP beside its peers, as JSON (PYTHON= one with torch, openvino, onnxruntime)
	@tools/bench --python $(or $(PYTHON),python3)

bench-clients: build ## first byte, pictures at once, memory of an upload, as JSON
	@cmake --build --preset release --target gaze_client_figures
	@build/tests/providers/gaze_client_figures build build/gaze

lint: deps ## clang-format, layers, messages
	@tools/lint

tidy: deps ## clang-tidy over src/ (a few minutes)
	@tools/tidy

format: ## format all sources
	@tools/format

install: build ## program, built-in model, manual, completions and libgaze under PREFIX
	@cmake --install build --prefix $(PREFIX)

clean: ## remove the build folders
	rm -rf build build-*
