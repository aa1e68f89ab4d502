# The front door. Every target first lets tools/setup install what it needs and does not find.
#
#   make demo     real flights through concurrent transactions, checked with pyarrow
#   make test     all tests: plain, under ASan+UBSan and under TSan; a clang build. Ends with ctest's summary
#   make check    format, layers, links in the documents, headers as C99 and C++11
#   make bench    the race against LMDB, RocksDB, tkrzw and others; ONLY=flashkv/ runs one family
#   make soak     the long runs of the model, integration, fault, fuzz and crash tests
#   make mutants  plants bugs in a copy of the sources and says which ones no test noticed
#   make build    the release build: library and program, in build/release
#   make format   formats the sources in place
#   make clean    removes what was compiled; keeps what was downloaded. make distclean removes all of build/

JOBS ?= $(shell nproc)

# What one build shows for all: clang's has the memory that users get, and looks at what uses it; only the sanitizers
# look for what fuzzing may have broken.
TESTED_ELSEWHERE := ^(clang/(unit/[^o]|fault|fuzz|crash|interop|tools|package)|dev/fuzz)

.DEFAULT_GOAL := help
.PHONY: help demo test check bench soak mutants build format clean distclean

help:
	@sed -n 's/^#   //p' Makefile

# $(call compile,<preset>)
define compile
	@echo "== building $(1)"
	@cmake --preset $(1) >/dev/null
	@cmake --build --preset $(1) -j $(JOBS)
endef

build:
	@tools/setup build
	$(call compile,release)

demo: build
	@tools/setup demo
	@tools/demo

test:
	@tools/setup build test
	$(call compile,dev)
	$(call compile,clang)
	$(call compile,asan)
	$(call compile,tsan)
	@echo 'subdirs(dev clang asan tsan)' >build/CTestTestfile.cmake
	@ctest --test-dir build -j $(JOBS) --timeout 300 --output-on-failure -E '$(TESTED_ELSEWHERE)'

check:
	@tools/setup check
	@tools/check

bench:
	@tools/setup bench
	$(call compile,bench)
	@build/bench/khonsu_bench --out build/bench/results.json $(ONLY)
	@tools/bench_picture build/bench/results.json

soak:
	@tools/setup build test
	$(call compile,soak)
	@KHONSU_SOAK=1 ctest --test-dir build/soak -L 'model|integration|fault|fuzz|crash' --timeout 14400 --output-on-failure

mutants:
	@tools/setup build test
	@tools/mutants

format:
	@tools/setup check
	@tools/check sources | xargs -r clang-format -i

clean:
	@rm -rf $(addprefix build/,dev clang asan tsan release bench soak mutants demo/out Testing CTestTestfile.cmake)
	@echo "build/deps, build/demo and build/venv stay; make distclean removes them too"

distclean:
	@rm -rf build
