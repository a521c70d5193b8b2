# Thin on purpose: CMake builds, scripts/ know the steps. `make help` lists the targets.
.DEFAULT_GOAL := help
PREFIX ?= /usr/local

# MODEL is also the name of the LLM in existing deployments' environments, so only
# `make run MODEL=…` counts here.
ifneq ($(origin MODEL),command line)
unexport MODEL
endif

.PHONY: help run test build eval bench lint fuzz asan crash install clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build, fetch the model, index the documentation, serve (DOCS= MODEL= LISTEN= LLM=local)
	@scripts/run

test: ## every test that needs no cluster (ARGS="--only NAME" for one step)
	@scripts/test $(ARGS)

build: ## build/release/docs-bot
	@scripts/setup run
	@scripts/build release

eval: ## measure our method and the KEP's: build/eval/report.html, and the table of the README
	@scripts/eval

bench: ## measure beside other embedders, write bench/RESULTS.md (ROWS=encode,query for some rows)
	@bench/run $(if $(ROWS),--only $(ROWS)) $(ARGS)

lint: ## formatting, include direction, size and symbol rules, cppcheck, clang-tidy
	@scripts/lint

fuzz: ## run each fuzz target for FUZZ_SECONDS (default 60)
	@scripts/fuzz

asan: ## unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/test --only build-asan --only unit-asan

crash: ## kill 200 index runs at random moments (CRASH_KILLS= CRASH_SEED=), check what is left
	@CRASH_KILLS="$${CRASH_KILLS:-200}" scripts/test --only crash

install: build ## into PREFIX (default /usr/local), below DESTDIR if set
	@cmake --install build/release --prefix "$(PREFIX)"

clean: ## remove build/ (models, indexes and checkouts are elsewhere and stay)
	@rm -rf build
