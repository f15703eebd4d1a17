# make           the shared library: lib/libhpm.so.0
# make test      everything that is tested here
# make demo      the main example: a dirty data set is cleaned while a network trains on it
# make generate  the header, the ABI description, the ctypes prototypes and the C reference
# make bench     nanoseconds for a call, as CSV: small and quick
# make bench-overhead, bench-landscapes, bench-training, bench-quick   calls over all sizes, or the algorithms, and other packages compared; results are kept, and gone on with
# make bench-cifar10, bench-ptb, bench-imagenet, bench-presets, bench-layers   self-tuning networks in torch; likewise
# make test-torch   what is tested with torch, in an environment of its own
# make bench-durability   what a report costs that is in a file, beside Optuna
# make bench-schedule   wall clock of the schedules, with training times that vary; likewise
# make wheel     a Python wheel with the library inside
# make install   header and library below PREFIX

SHELL := /bin/sh
PREFIX ?= /usr/local
SWIFT ?= swift
PYTHON ?= python3
VENV := .venv
BENCH := .venv-bench
TORCH := .venv-torch
BIN := .build-clients
WARNINGS := -Wall -Wextra -Wpedantic -Werror
CFLAGS := -O2 $(WARNINGS) -I include
LINK := -L lib -lhpm -lm -Wl,-rpath,$(CURDIR)/lib

# Flags that a manifest may not have if it is to be a dependency: the runtime goes into the library and
# stays hidden there. What differs between platforms stands here alone.
ifeq ($(shell uname),Darwin)
LIBRARY_FLAGS := -Xlinker -exported_symbols_list -Xlinker scripts/libhpm.exports \
	-Xlinker -install_name -Xlinker @rpath/libhpm.0.dylib
BUILT := libhpm.dylib
LIBRARY := lib/libhpm.0.dylib
else
LIBRARY_FLAGS := -Xswiftc -static-stdlib -Xswiftc -use-ld=lld -Xlinker --version-script=$(CURDIR)/scripts/libhpm.map \
	-Xlinker -soname=libhpm.so.0 -Xlinker --gc-sections -Xlinker -s -Xlinker -z -Xlinker nodelete \
	-Xlinker -L$(CURDIR)/.build-static
BUILT := libhpm.so
LIBRARY := lib/libhpm.so.0
# SQLite inside the library: a folder that has the archive alone, since a linker prefers a shared library.
STATIC := .build-static/libsqlite3.a
endif

.PHONY: all
all: $(LIBRARY)

.build-static/libsqlite3.a:
	@scripts/install-packages libsqlite3-dev
	mkdir -p $(@D)
	ln -sf "$$(dpkg -L libsqlite3-dev 2>/dev/null | grep '/libsqlite3[.]a$$' || $(CC) -print-file-name=libsqlite3.a)" $@

$(LIBRARY): Package.swift Makefile scripts/libhpm.map $(STATIC) $(shell find Sources -name '*.swift')
	@rm -f .build/release/$(BUILT)  # changed linker flags alone would not link anew
	$(SWIFT) build -c release --product hpm --disable-local-rpath $(LIBRARY_FLAGS)
	mkdir -p lib
	cp .build/release/$(BUILT) $@.new
	mv $@.new $@  # a program that has the old one loaded keeps it
	ln -sf $(notdir $@) lib/$(BUILT)

.PHONY: generate
generate:
	$(SWIFT) run --package-path Tools generate

# Debian packages and the virtual environment, each step skipped once it is done.

.PHONY: packages-test packages-python
packages-python:
	@scripts/install-packages python3-venv
packages-test: packages-python
	@scripts/install-packages g++ libffi-dev libjansson-dev libsqlite3-dev pkg-config

$(VENV)/bin/python $(BENCH)/bin/python $(TORCH)/bin/python: %/bin/python: | packages-python
	@echo "making the virtual environment $*"
	@rm -rf $* && $(PYTHON) -m venv $* || { rm -rf $*; exit 1; }

$(VENV)/.test: bindings/python/pyproject.toml Tests/requirements.txt $(VENV)/bin/python
	@echo "installing the Python packages of the tests into $(VENV)"
	@$(VENV)/bin/python -m pip install -q -r Tests/requirements.txt -e 'bindings/python[test]'
	@touch $@

$(VENV)/.demo: bindings/python/pyproject.toml examples/python-jax/requirements.txt $(VENV)/bin/python
	@echo "installing the Python packages of the demo into $(VENV)"
	@$(VENV)/bin/python -m pip install -q -r examples/python-jax/requirements.txt -e bindings/python
	@touch $@

.PHONY: demo
demo: $(LIBRARY) $(VENV)/.demo
	$(VENV)/bin/python examples/python-jax/cleaning.py --out demo-results

.PHONY: test test-generated test-swift test-abi test-clients test-examples test-python test-readme test-killed test-crash
test: test-generated test-swift test-abi test-clients test-examples test-readme test-python test-killed

test-generated: packages-test
	$(SWIFT) run --package-path Tools generate --check
	$(SWIFT) test --package-path Tools

test-swift: packages-test
	$(SWIFT) test -Xswiftc -O  # unoptimised, the Gaussian processes take twenty times as long

test-abi: $(LIBRARY) $(BIN)/sweep $(BIN)/load
	Tests/ABI/headers.sh
	Tests/ABI/symbols.sh
	$(BIN)/load $(LIBRARY)
	$(BIN)/sweep include/hpm.abi.json

CLIENTS := allocations asynchronous blend hypergradient limits listeners logs run runs snapshot threads wrapper
test-clients: $(CLIENTS:%=$(BIN)/%)
	for client in $^; do $$client || exit 1; done

test-examples: $(BIN)/branin-c $(BIN)/branin-cpp $(BIN)/logistic $(BIN)/hypergradient-c $(BIN)/surviving $(VENV)/.test
	$(BIN)/branin-c
	$(BIN)/branin-cpp
	$(BIN)/logistic examples/c/breast-cancer.csv
	$(BIN)/hypergradient-c examples/c/breast-cancer.csv
	rm -rf $(BIN)/survives && mkdir $(BIN)/survives $(BIN)/survives/whole
	! $(BIN)/surviving $(BIN)/survives 30 && ! $(BIN)/surviving $(BIN)/survives 41
	$(BIN)/surviving $(BIN)/survives | tail -1 >$(BIN)/survives/last
	$(BIN)/surviving $(BIN)/survives/whole | tail -1 | diff - $(BIN)/survives/last && cat $(BIN)/survives/last
	$(SWIFT) run --package-path examples/swift Branin
	$(SWIFT) run --package-path examples/swift Ridge
	$(VENV)/bin/python examples/python-sklearn/tune.py
	$(VENV)/bin/python examples/python-jax/cleaning.py --methods all --seeds 1 --steps 6 --students 4 \
		--out .build-clients/demo
	cd .build-clients/demo && test -s results.csv -a -s loss-over-cost.png -a -s weights.png -a -s schedule.png -a -s run.db -a -s run.html

test-python: $(LIBRARY) $(VENV)/.test
	$(VENV)/bin/python -m mypy --strict --config-file bindings/python/pyproject.toml bindings/python/libhpm
	cd bindings/python && ../../$(VENV)/bin/python -m pytest -q

# Runs in files, whose trainers are killed and whose files are torn.
test-killed test-crash: KILLS = $(if $(filter test-crash,$@),200,20)
test-killed test-crash: $(BIN)/trainer $(VENV)/.test
	$(VENV)/bin/python Tests/Crash/crash.py $(BIN)/trainer --kills $(KILLS)

# Self-tuning networks, with a torch of their own: five gigabytes that the other tests don't need.
$(TORCH)/.torch: Tests/requirements-torch.txt bindings/python/pyproject.toml $(TORCH)/bin/python
	@echo "installing torch and JAX into $(TORCH)"
	@$(TORCH)/bin/python -m pip install -q -r $< -e bindings/python
	@touch $@

.PHONY: test-torch
test-torch: $(LIBRARY) $(TORCH)/.torch
	cd bindings/python && ../../$(TORCH)/bin/python -m pytest -q libhpm/torch libhpm/jax tests/test_torch_networks.py \
		tests/test_jax_networks.py tests/test_hypergradients.py tests/test_problem.py tests/test_documentation.py \
		tests/test_surviving.py tests/test_checkpoints.py
	$(TORCH)/bin/python -m pytest -q --import-mode=importlib benchmarks/common/tests/test_networks.py \
		benchmarks/common/tests/test_processes.py benchmarks/cifar10/tests benchmarks/ptb/tests benchmarks/imagenet/tests

test-readme: $(LIBRARY) $(VENV)/.test
	$(VENV)/bin/python Tests/Readme/run_blocks.py

# Packages of the benchmarks, in a virtual environment of their own.
$(BENCH)/.landscapes: benchmarks/landscapes/requirements.txt $(BENCH)/bin/python
	@echo "installing the packages of benchmarks/landscapes into $(BENCH)"
	@$(BENCH)/bin/python -m pip install -q -r $<
	@touch $@

$(BENCH)/.training: benchmarks/training/requirements.txt $(BENCH)/bin/python
	@echo "installing the packages of benchmarks/training into $(BENCH)"
	@$(BENCH)/bin/python -m pip install -q -r $<
	@touch $@

$(BENCH)/.schedule: benchmarks/schedule/requirements.txt $(BENCH)/bin/python
	@echo "installing the packages of benchmarks/schedule into $(BENCH)"
	@$(BENCH)/bin/python -m pip install -q -r $<
	@touch $@

.PHONY: bench-cifar10 bench-ptb bench-imagenet bench-presets bench-layers
bench-cifar10: $(LIBRARY) $(TORCH)/.torch
	$(TORCH)/bin/python benchmarks/cifar10/compare.py
bench-ptb: $(LIBRARY) $(TORCH)/.torch
	$(TORCH)/bin/python benchmarks/ptb/compare.py
bench-imagenet: $(LIBRARY) $(TORCH)/.torch
	$(TORCH)/bin/python benchmarks/imagenet/compare.py
bench-presets: $(LIBRARY) $(TORCH)/.torch
	$(TORCH)/bin/python benchmarks/presets/cost.py
bench-layers: $(LIBRARY) $(TORCH)/.torch
	$(TORCH)/bin/python benchmarks/layers/steps.py

QUICK := .build-bench
.PHONY: bench-landscapes bench-training bench-schedule bench-quick test-benchmarks
bench-landscapes: $(LIBRARY) $(BENCH)/.landscapes
	$(BENCH)/bin/python benchmarks/landscapes/run.py
bench-training: $(LIBRARY) $(BENCH)/.training
	$(BENCH)/bin/python benchmarks/training/compare.py
bench-schedule: $(LIBRARY) $(BENCH)/.schedule
	$(BENCH)/bin/python benchmarks/schedule/simulate.py
	$(BENCH)/bin/python benchmarks/schedule/train.py
bench-quick: $(LIBRARY) $(BENCH)/.landscapes $(BENCH)/.training
	rm -rf $(QUICK)
	$(BENCH)/bin/python benchmarks/landscapes/run.py --quick --out $(QUICK)/landscapes
	$(BENCH)/bin/python benchmarks/training/compare.py --tasks cleaning,logistic --seeds 0-1 --budget 0.2 \
		--methods random,pbt,hypergradient,hpm --results $(QUICK)/training/results.csv --traces $(QUICK)/training/traces
test-benchmarks: $(LIBRARY) $(BENCH)/.landscapes $(BENCH)/.training $(BENCH)/.schedule
	$(BENCH)/bin/python -m pytest -q --import-mode=importlib benchmarks/common/tests benchmarks/landscapes/tests
	$(BENCH)/bin/python -m pytest -q benchmarks/training/tests
	$(BENCH)/bin/python -m pytest -q benchmarks/schedule/tests

$(BENCH)/.overhead: benchmarks/overhead/requirements.txt $(BENCH)/bin/python
	@echo "installing the packages of benchmarks/overhead into $(BENCH)"
	@$(BENCH)/bin/python -m pip install -q -r $<
	@touch $@

$(BENCH)/.durability: benchmarks/durability/requirements.txt $(BENCH)/bin/python
	@echo "installing the packages of benchmarks/durability into $(BENCH)"
	@$(BENCH)/bin/python -m pip install -q -r $< -e bindings/python
	@touch $@

.PHONY: bench bench-overhead bench-hypergradients bench-durability
bench-durability: $(LIBRARY) $(BENCH)/.durability
	$(BENCH)/bin/python benchmarks/durability/reports.py
bench-hypergradients: $(BIN)/scale
	$(BIN)/scale
bench: $(BIN)/calls $(BIN)/events $(BIN)/steps $(VENV)/.test
	$(BIN)/calls
	$(BIN)/events
	rm -rf $(QUICK)/overhead
	$(VENV)/bin/python benchmarks/overhead/run.py --quick --results $(QUICK)/overhead/overhead.csv
bench-overhead: $(BIN)/steps $(BENCH)/.overhead
	$(BENCH)/bin/python benchmarks/overhead/run.py
	$(BENCH)/bin/python benchmarks/overhead/report.py

# C and C++ programs.

HEADERS := include/hpm.h include/hpm.hpp $(wildcard Tests/Clients/*.h)

$(BIN):
	mkdir -p $@
$(BIN)/sweep: Tests/ABI/sweep.c $(HEADERS) $(LIBRARY) | $(BIN) packages-test
	$(CC) -std=c11 $(CFLAGS) $< -o $@ $(LINK) -ljansson -lffi -ldl
$(BIN)/load: Tests/ABI/load.c $(HEADERS) | $(BIN) packages-test
	$(CC) -std=c11 $(CFLAGS) -pthread $< -o $@ -ldl
$(BIN)/wrapper: Tests/Clients/wrapper.cpp $(HEADERS) $(LIBRARY) | $(BIN) packages-test
	$(CXX) -std=c++17 $(CFLAGS) $< -o $@ $(LINK)
$(BIN)/%: Tests/Clients/%.c $(HEADERS) $(LIBRARY) | $(BIN) packages-test
	$(CC) -std=c11 $(CFLAGS) -pthread $< -o $@ $(LINK)
$(BIN)/trainer: Tests/Crash/trainer.c $(HEADERS) $(LIBRARY) | $(BIN) packages-test
	$(CC) -std=c11 $(CFLAGS) $< -o $@ $(LINK)
$(BIN)/branin-c: examples/c/branin.c $(HEADERS) $(LIBRARY) | $(BIN) packages-test
	$(CC) -std=c99 $(CFLAGS) $< -o $@ $(LINK)
$(BIN)/branin-cpp: examples/cpp/branin.cpp $(HEADERS) $(LIBRARY) | $(BIN) packages-test
	$(CXX) -std=c++17 $(CFLAGS) $< -o $@ $(LINK)
$(BIN)/logistic: examples/c/logistic.c $(HEADERS) $(LIBRARY) | $(BIN) packages-test
	$(CC) -std=c99 $(CFLAGS) $< -o $@ $(LINK)
$(BIN)/hypergradient-c: examples/c/hypergradient.c $(HEADERS) $(LIBRARY) | $(BIN) packages-test
	$(CC) -std=c99 $(CFLAGS) $< -o $@ $(LINK)
$(BIN)/surviving: examples/c/surviving.c $(HEADERS) $(LIBRARY) | $(BIN) packages-test
	$(CC) -std=c99 $(CFLAGS) $< -o $@ $(LINK)
$(BIN)/scale: benchmarks/hypergradients/scale.c $(HEADERS) $(LIBRARY) | $(BIN) packages-test
	$(CC) -std=c11 $(CFLAGS) -O3 $< -o $@ $(LINK)
$(BIN)/calls $(BIN)/events $(BIN)/steps: $(BIN)/%: benchmarks/overhead/%.c benchmarks/overhead/overhead.h $(HEADERS) $(LIBRARY) | $(BIN) packages-test
	$(CC) -std=c11 $(CFLAGS) $< -o $@ $(LINK)

.PHONY: install wheel
install: $(LIBRARY)
	install -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib
	install -m 644 include/hpm.h include/hpm.hpp $(DESTDIR)$(PREFIX)/include
	install -m 755 $(LIBRARY) $(DESTDIR)$(PREFIX)/lib
	ln -sf $(notdir $(LIBRARY)) $(DESTDIR)$(PREFIX)/lib/$(BUILT)

# From a copy, so that no library is left in the sources, where it would take precedence.
wheel: $(LIBRARY) $(VENV)/bin/python
	rm -rf .build-wheel && mkdir -p .build-wheel dist
	cp -r bindings/python/. .build-wheel && cp $(LIBRARY) .build-wheel/libhpm
	$(VENV)/bin/python -m pip wheel -q --no-deps -w dist .build-wheel

.PHONY: clean
clean:
	rm -rf .build .build-* lib dist demo-results Tools/.build examples/swift/.build
