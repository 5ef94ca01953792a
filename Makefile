# otelcd. `make run` installs what is missing, builds and starts; `make check` tests; `make help` lists the rest.
#
# MODE=release (default), debug, asan (+UBSan), tsan, static, package, fuzz: each builds into a directory of its own, and
# so does each compiler, so that switching needs no clean. CFLAGS, LDFLAGS, CC, DESTDIR and PREFIX are honoured.

MODE   ?= release
CLANG  := $(findstring clang,$(CC))
# CROSS=arm64 builds for another architecture, with MODE=static, against Debian's libraries of it (contrib/package/sysroot.sh).
B      := build/$(MODE)$(if $(CLANG),$(if $(filter-out fuzz,$(MODE)),-clang))$(CROSS:%=-%)
PREFIX ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)
CONFIG ?= config/otelcd.yaml
FUZZ_SECONDS ?= 60
JOBS   ?= $(shell nproc)
# They wait for much and compute little: several on each core.
PYTEST_JOBS ?= 8
CROSS_arm64 := aarch64-linux-gnu-
# `make V=1` shows the commands.
Q := $(if $(V),,@)
say = @$(if $(V),:,echo '  $(1)')
PYTHON := /usr/bin/python3

ifneq ($(CROSS),)
SYSROOT := --sysroot=$(CURDIR)/build/sysroot-$(CROSS)
CC  := $(CROSS_$(CROSS))gcc $(SYSROOT)
CXX := $(CROSS_$(CROSS))g++ $(SYSROOT)
endif

PKGS := libuv libnghttp2 libprotobuf-c yaml-0.1 zlib libdeflate libzstd liblz4 libxxhash re2 nettle openssl
ifeq ($(MODE),static)
# Debian has no libisal.a: checksums of the queue on disk are made by the processor's instruction there (codec/crc32c.c).
LIBS := -luv_a -lnghttp2 -lprotobuf-c -lyaml -lz -ldeflate -lzstd -llz4 -lxxhash -lre2 -lnettle -lcrypt -lssl -lcrypto -lsnappy -lstdc++ \
        -lpthread -ldl -lrt -lm
else
LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lcrypt -lsnappy -lstdc++ -lm
ISAL := $(shell printf '\#include <isa-l/crc.h>\n' | $(CC) -E - >/dev/null 2>&1 && echo yes)
ifeq ($(ISAL),yes)
LIBS += -lisal
ISAL_FLAGS := -DHAVE_ISAL
endif
endif

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla \
        -Wformat=2 -Wundef -Werror \
        $(if $(CLANG),-Wno-gnu-zero-variadic-macro-arguments)
# For src/ alone: a test may compare what it likes.
WARN_SRC := -Wconversion -Wcast-qual $(if $(CLANG),-Wno-sign-conversion)
# Line numbers are what a report names.
SANITIZE := -O1 -g1 -fno-omit-frame-pointer -fno-sanitize-recover=all
# What makes a defect harder to use, where the compiler has it; test_hardening.py looks at the binary.
accepted = $(shell for f in $(1); do $(CC) -O2 -Werror $$f -include stdio.h -x c -c -o /dev/null /dev/null 2>/dev/null && \
    echo $$f; done)
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(if $(call accepted,-D_FORTIFY_SOURCE=3),3,2)
HARDEN := -fstack-protector-strong $(FORTIFY) $(call accepted,-fcf-protection -fstack-clash-protection)
CFLAGS_release := -O2 -g -fPIE $(HARDEN)
# Relative relocations packed: 200 KiB less to read at each start, and to keep.
RELR := $(shell echo 'int main(void) { return 0; }' | $(CC) -Wl,-z,pack-relative-relocs,--fatal-warnings -x c -o /dev/null - 2>/dev/null && \
    echo -Wl,-z,pack-relative-relocs)
LDFLAGS_release := -pie -static-libgcc -Wl,-z,relro,-z,now $(RELR)
CFLAGS_debug   := -Og -g3
CFLAGS_asan    := $(SANITIZE) -fsanitize=address,undefined
LDFLAGS_asan   := -fsanitize=address,undefined
CFLAGS_tsan    := $(SANITIZE) -fsanitize=thread
LDFLAGS_tsan   := -fsanitize=thread
# Inputs by the million: what -O2 takes to compile it wins back.
CFLAGS_fuzz    := $(SANITIZE) -O2 -fsanitize=fuzzer-no-link,address,undefined
LDFLAGS_fuzz   := -fsanitize=address,undefined
# What is given away does not tell where it was built: the same tree gives the same bytes.
CFLAGS_package := $(CFLAGS_release) -ffile-prefix-map=$(CURDIR)=.
LDFLAGS_package := $(LDFLAGS_release)
CFLAGS_static  := $(CFLAGS_package) -DOTELCD_STATIC
LDFLAGS_static := -static-pie -Wl,-z,relro,-z,now $(RELR)
# Of the program, for its bill of materials, and not of a test that is linked later.
MAP_static = -Wl,-Map=$@.map

CPPFLAGS += -Isrc -I$(B)/gen -D_GNU_SOURCE $(ISAL_FLAGS) $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
# RE2 is C++, and one file of ours with it.
ifeq ($(origin CXX),default)
CXX := $(if $(CLANG),$(subst clang,clang++,$(CC)),$(if $(findstring gcc,$(CC)),$(subst gcc,g++,$(CC)),g++))
endif
ALL_CXXFLAGS := -std=gnu++17 -fno-exceptions -fno-rtti $(CFLAGS_$(MODE)) -Wall -Wextra -Wshadow -Werror
ALL_CFLAGS := -std=gnu11 $(CFLAGS_$(MODE)) $(WARN) $(CFLAGS)
# What runs for a person, once at a command line or when somebody looks at the page, is made small.
ifneq ($(filter release package static,$(MODE)),)
$(B)/src/command/%.o $(patsubst %.c,$(B)/%.o,$(wildcard src/page/*.c)): ALL_CFLAGS := -std=gnu11 $(CFLAGS_$(MODE)) -Os $(WARN) $(CFLAGS)
endif
# Only what is used is loaded: it shows in start time and memory.
ALL_LDFLAGS := -Wl,--as-needed $(LDFLAGS_$(MODE)) $(LDFLAGS)

PROTOS   := $(sort $(shell find proto -name '*.proto'))
WELL_KNOWN := google/protobuf/any google/protobuf/duration google/protobuf/timestamp
GEN_C    := $(PROTOS:proto/%.proto=$(B)/gen/%.pb-c.c) $(WELL_KNOWN:%=$(B)/gen/%.pb-c.c)
SRCS     := $(sort $(shell find src -name '*.c'))
SRCS_CXX := $(sort $(shell find src -name '*.cc'))
HEADERS  := $(sort $(shell find src -name '*.h'))
CORE     := $(filter-out $(B)/src/main.o,$(SRCS:%.c=$(B)/%.o)) $(SRCS_CXX:%.cc=$(B)/%.o) $(GEN_C:.c=.o)
TESTS    := $(patsubst %.c,$(B)/%,$(shell find test/unit -name '*_test.c' 2>/dev/null))
SUPPORT  := $(patsubst %.c,$(B)/%.o,$(wildcard test/support/*.c test/support/*/*.c))
FUZZERS  := $(patsubst fuzz/%_fuzz.c,%,$(wildcard fuzz/*_fuzz.c))
BENCHES  := $(patsubst bench/%.c,$(B)/bench/%,$(wildcard bench/*.c))

## all           build/otelcd
all: $(B)/otelcd
	@ln -sfn $(B:build/%=%)/otelcd build/otelcd

build/otelcd: all

# What is loaded when something needs it, by stubs (decision 51). Where there are none it is linked: in static builds, under
# sanitizers, in tests, on other processors than x86-64.
ifneq ($(filter release debug package,$(MODE)),)
ifneq ($(findstring x86_64,$(shell $(CC) -dumpmachine)),)
LATE := -lssl -lcrypto -lre2 -lstdc++ -lsnappy -lcrypt
endif
endif
$(B)/otelcd: $(B)/src/main.o $(B)/core.a $(if $(LATE),$(B)/gen/late.o)
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(MAP_$(MODE)) -o $@ $^ $(filter-out $(LATE),$(LIBS))

$(B)/gen/late.S: $(B)/core.a contrib/late.sh
	$(Q)contrib/late.sh "$(CC)" $< >$@
$(B)/gen/late.o: $(B)/gen/late.S
	$(Q)$(CC) $(CFLAGS_$(MODE)) -U_FORTIFY_SOURCE -c -o $@ $<

$(B)/core.a: $(CORE)
	@rm -f $@ && ar rcs $@ $^

# One run of protoc-c makes all of them.
$(GEN_C): $(B)/gen/.done
$(B)/gen/.done: $(PROTOS)
	@mkdir -p $(B)/gen
	$(call say,PROTO proto)
	$(Q)cd proto && protoc-c -I. -I/usr/include --c_out=$(abspath $(B)/gen) $(PROTOS:proto/%=%) $(WELL_KNOWN:%=%.proto)
	@touch $@

$(B)/gen/%.o: $(B)/gen/%.c
	$(call say,CC $<)
	$(Q)$(CC) -std=gnu11 $(CFLAGS_$(MODE)) $(CPPFLAGS) -w -MMD -MP -c -o $@ $<

$(B)/src/%.o: src/%.c $(B)/gen/.done
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) $(WARN_SRC) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(B)/src/%.o: src/%.cc
	@mkdir -p $(@D)
	$(call say,CXX $<)
	$(Q)$(CXX) $(ALL_CXXFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(B)/test/%.o: test/%.c $(B)/gen/.done
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -Itest -MMD -MP -c -o $@ $<

$(B)/fuzz/%.o: fuzz/%.c $(B)/gen/.done
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes $(CPPFLAGS) -Itest -MMD -MP -c -o $@ $<

$(B)/bench/%.o: bench/%.c $(B)/gen/.done
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(BENCHES): %: %.o $(B)/core.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

## run           install what the build needs, build, start on $(CONFIG)
run: deps-build
	@$(MAKE) --no-print-directory -j$(JOBS) all
	$(B)/otelcd --config $(CONFIG)

## deps          install every package that the build, the tests and lint need, where missing
deps: deps-build deps-test deps-lint
deps-%:
	@contrib/deps.sh $*

## check         the whole suite: unit tests, layers, headers, fuzz corpora, integration with real peers
check: deps-build deps-test
	@$(MAKE) --no-print-directory -j$(JOBS) $(B)/otelcd tests
	@$(MAKE) --no-print-directory -j$(JOBS) unit $(if $(filter asan,$(MODE)),,layers headers) replay
	@$(MAKE) --no-print-directory integration

## check-asan    what of it runs, with gcc's address and undefined-behaviour sanitizers
check-asan:
	@$(MAKE) --no-print-directory check MODE=asan

## check-tsan    the unit tests of what runs on threads, with gcc's thread sanitizer
THREADED := base/loop/job base/log base/decimal codec/compress wal/wal receiver/otlp/otlp_unpack exporter/debug/debug \
            exporter/file/file exporter/file/file_group exporter/file/file_output \
            kube/kube_reading receiver/prometheus/answer base/loop/watched_file base/loop/name_lookup
check-tsan:
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=tsan unit-threaded
unit-threaded: $(THREADED:%=$(B)/test/unit/%_test.ok)

## unit          unit tests alone
# A test may include the .c it tests to see its statics: the archive's member is then not pulled in.
$(B)/support.a: $(SUPPORT)
	@rm -f $@ && ar rcs $@ $^

$(TESTS): %: %.o $(B)/support.a $(B)/core.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(shell pkg-config --libs check) $(LIBS)

tests: $(TESTS)
unit: $(TESTS:%=%.ok)
# Check's own 4 seconds for a test are little for a sanitizer on a busy machine.
%.ok: %
	@CK_DEFAULT_TIMEOUT=60 ./$< >$<.log 2>&1 && tail -n 1 $<.log && mv $<.log $@ || { cat $<.log; exit 1; }

## layers        includes point down the list of layers only; folders, functions and opening comments are as agreed
layers:
	@awk -f contrib/layers.awk $(SRCS) $(SRCS_CXX) $(HEADERS)
	@awk -f contrib/house.awk $(SRCS) $(SRCS_CXX) $(HEADERS)
	@find test -path test/data -prune -o -name __pycache__ -prune -o -type f -print | awk '{ sub("/[^/]*$$", "") } \
	    ++files[$$0] == 46 { print $$0 "/ has more than 45 files: make a folder of what belongs together"; bad = 1 } \
	    END { exit bad }'

## headers       each header compiles alone
headers: $(HEADERS:%=$(B)/headers/%.ok)
$(B)/headers/%.ok: % $(B)/gen/.done
	@mkdir -p $(@D)
	@$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -fsyntax-only -include $< -x c /dev/null && touch $@

## replay        every file of the fuzz corpora through its driver, without a fuzzer
replay: $(FUZZERS:%=$(B)/fuzz/%_replay.ok)
$(FUZZERS:%=$(B)/fuzz/%_replay): $(B)/fuzz/%_replay: $(B)/fuzz/%_fuzz.o $(B)/fuzz/replay.o $(B)/support.a $(B)/core.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(B)/fuzz/%_replay.ok: $(B)/fuzz/%_replay fuzz/corpus/%
	@./$< fuzz/corpus/$* && touch $@

## fuzz          each driver for FUZZ_SECONDS (60) with libFuzzer, clang, ASan and UBSan; FUZZ=name for one, FUZZ_SEED=n to repeat,
##               FUZZ_RUNS=n (or table: fuzz/runs) to go as far on each machine
fuzz: deps-lint
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=fuzz CC="$(if $(CLANG),$(CC),clang)" fuzzers
	@FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_RUNS=$(FUZZ_RUNS) JOBS=$(JOBS) contrib/fuzz.sh $(or $(FUZZ),$(FUZZERS))
fuzzers: $(FUZZERS:%=$(B)/fuzz/%_fuzz)
$(FUZZERS:%=$(B)/fuzz/%_fuzz): %: %.o $(B)/fuzz/same_seeds.o $(B)/support.a $(B)/core.a
	$(call say,LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

## integration   the real binary against real peers, with pytest; ARGS="-k word" chooses
integration: build/py/.done
	@OTELCD=$(abspath $(B)/otelcd) PYTHONPATH=$(abspath build/py) $(PYTHON) -m pytest -n $(PYTEST_JOBS) --dist loadgroup test/integration $(ARGS)
build/py/.done: $(PROTOS)
	@mkdir -p build/py
	$(call say,PROTO proto)
	$(Q)cd proto && protoc -I. -I/usr/include --python_out=$(abspath build/py) $(PROTOS:proto/%=%) protobuf-c/protobuf-c.proto
	@touch $@

## peers         compile the backends that Debian lacks, for their tests: Jaeger, Prometheus 3 and others (Go; minutes, once), Kafka (Maven)
peers:
	@PYTHONPATH=test/integration $(PYTHON) -m harness.servers.compiled $(patsubst test/peers/%/go.mod,%,$(wildcard test/peers/*/go.mod))
	@PYTHONPATH=test/integration $(PYTHON) -m harness.servers.kafka_broker

## oracle        compare with the Go collector itself, built from modules here (slow the first time)
oracle: build/py/.done
	@$(MAKE) --no-print-directory -j$(JOBS) $(B)/otelcd
	@OTELCD=$(abspath $(B)/otelcd) PYTHONPATH=$(abspath build/py) $(PYTHON) -m pytest test/oracle $(ARGS)

## bench         how fast and how large: ratios against a server that discards the same bytes
bench: deps-build deps-test build/py/.done
	@$(MAKE) --no-print-directory -j$(JOBS) $(B)/otelcd benches
	@OTELCD=$(abspath $(B)/otelcd) BENCH=$(abspath $(B)/bench) PYTHONPATH=$(abspath build/py) \
	    $(PYTHON) bench/bench.py $(ARGS)
benches: $(BENCHES)

## pictures      the pictures of docs/img, of a page that chromium shows
pictures: deps-test
	@$(MAKE) --no-print-directory -j$(JOBS) $(B)/otelcd
	@OTELCD=$(abspath $(B)/otelcd) $(PYTHON) contrib/pictures.py

## lint          clang-tidy, cppcheck, clang-format: no finding
C_FILES := $(SRCS) $(SRCS_CXX) $(shell find test fuzz bench -name '*.c' 2>/dev/null)
lint: deps-build deps-lint
	@$(MAKE) --no-print-directory -j$(JOBS) lint-format lint-cppcheck lint-tidy
lint-format:
	@clang-format --dry-run -Werror $(C_FILES) $(HEADERS)
lint-cppcheck:
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr \
	    --suppressions-list=contrib/cppcheck.txt --library=posix -j $(JOBS) -Isrc -D_GNU_SOURCE src
# How far clang goes into a function's paths. Its own 225,000 steps take twice the time, and reach no block of code that 50,000
# do not (in 195 functions of 40 files).
ANALYZER := $(addprefix --extra-arg-before=,-Xclang -analyzer-config -Xclang max-nodes=75000)
lint-tidy: $(SRCS:%=$(B)/lint/%.ok) $(SRCS_CXX:%=$(B)/lint/%.ok)
$(B)/lint/%.ok: % $(B)/gen/.done .clang-tidy $(HEADERS)
	@mkdir -p $(@D)
	@clang-tidy --quiet --warnings-as-errors='*' $(if $(filter %.cc,$<),'--checks=clang-analyzer-cplusplus*') $(ANALYZER) $< -- $(if $(filter %.cc,$<),-std=gnu++17,-std=gnu11) $(CPPFLAGS) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@
## format        clang-format every file in place
format:
	clang-format -i $(C_FILES) $(HEADERS)

## docs          write the generated pages anew (docs/reference/, the options of man/otelcd.yaml.5)
docs: all
	@contrib/docs.sh build/otelcd

## static        one static binary, for images: build/static/otelcd
static: deps-build deps-static
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=static build/static/otelcd

## deb           a Debian package, with the system's libraries: build/dist/otelcd_*.deb
deb: deps-build deps-package
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=package all
	@contrib/package/deb.sh package build/dist
## rpm           an RPM of the static binary: build/dist/otelcd-*.rpm
rpm: static deps-package
	@contrib/package/rpm.sh static build/dist
## dist          tarballs of static binaries for amd64 and arm64, bills of materials, checksums: build/dist
DIST_HERE := $(shell dpkg --print-architecture 2>/dev/null)
dist: static deps-package
	@contrib/package/dist.sh $(DIST_HERE) static build/dist
	@$(if $(filter amd64,$(DIST_HERE)),$(MAKE) --no-print-directory dist-arm64)
dist-%:
	@contrib/package/sysroot.sh $*
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=static CROSS=$* build/static-$*/otelcd
	@STRIP=$(CROSS_$*)strip CROSS=$* RUN=qemu-$(CROSS_$*:%-linux-gnu-=%)-static contrib/package/dist.sh $* static build/dist
## check-package install, update and purge the packages in clean containers, run the tarballs (podman; slow)
check-package: deb rpm dist
	@contrib/package/check.sh
## check-reproducible   build the packages and tarballs once more, elsewhere: the same bytes? (slow)
check-reproducible: deb rpm dist
	@contrib/package/again.sh

## image         build the container image (podman or docker)
image:
	$(or $(shell command -v podman),docker) build $(if $(shell command -v podman),--format docker) \
	    -f contrib/docker/Dockerfile -t otelcd:latest .

## check-image   build and run the image (podman; slow)
check-image:
	@contrib/docker/check.sh
## check-stack   bring the whole stack up and run its tests (podman-compose; slow)
check-stack: deps-test
	@contrib/docker/check_stack.sh
## check-systemd the unit under a real systemd in a container (podman; slow)
check-systemd: deps-build deps-static
	@contrib/systemd/check.sh

## up            the whole loop in containers: services, otelcd, Prometheus, Grafana, alerts (GRAFANA_ADMIN_PASSWORD=...)
## test-logs, test-metrics, test-traces, test-correlation, test-alerts   is that link of the running stack whole?
## down          stop the stack; clean-stack removes its data and images too
up test-logs test-metrics test-traces test-correlation test-alerts down:
	@contrib/docker/stack $@
clean-stack:
	@contrib/docker/stack clean

## demo          the whole loop without containers, from Debian's packages and the example, on free ports, until Ctrl-C
demo: deps-build deps-test
	@$(MAKE) --no-print-directory all
	@contrib/example/demo --otelcd $(B)/otelcd $(ARGS)

## install       DESTDIR and PREFIX (/usr/local); an existing configuration stays
COMPLETIONS := bash-completion/completions zsh/site-functions fish/vendor_completions.d
# RUN: what runs a binary of another architecture.
install: all
	install -Dm755 $(B)/otelcd $(DESTDIR)$(PREFIX)/bin/otelcd
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/man/man8 man/otelcd.8
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/man/man5 man/otelcd.yaml.5
	@mkdir -p $(COMPLETIONS:%=$(DESTDIR)$(PREFIX)/share/%) $(DESTDIR)$(PREFIX)/share/otelcd
	$(RUN) $(B)/otelcd schema >$(DESTDIR)$(PREFIX)/share/otelcd/otelcd.schema.json
	$(RUN) $(B)/otelcd completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/otelcd
	$(RUN) $(B)/otelcd completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_otelcd
	$(RUN) $(B)/otelcd completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/otelcd.fish
	@test -e $(DESTDIR)$(SYSCONFDIR)/otelcd/otelcd.yaml || \
	    install -Dm644 config/otelcd.yaml $(DESTDIR)$(SYSCONFDIR)/otelcd/otelcd.yaml
	@mkdir -p $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,@BINDIR@,$(PREFIX)/bin,g; s,@SYSCONFDIR@,$(SYSCONFDIR),g' contrib/systemd/otelcd.service \
	    >$(DESTDIR)$(PREFIX)/lib/systemd/system/otelcd.service

## clean         remove build/
clean:
	rm -rf build

## help          this list
help:
	@sed -n 's/^## //p' Makefile

.PHONY: all build/otelcd run deps check check-asan check-tsan tests unit unit-threaded layers headers replay fuzz fuzzers integration peers oracle \
        bench benches pictures lint lint-format lint-cppcheck lint-tidy format docs static image check-image check-stack \
        deb rpm dist check-package check-reproducible check-systemd install clean help up test-logs test-metrics test-traces test-correlation test-alerts down clean-stack demo
.SECONDARY:
.DELETE_ON_ERROR:
# Another make may write them while this one lints, which needs none.
ifeq ($(filter lint%,$(MAKECMDGOALS)),)
-include $(shell find $(B) -name '*.d' 2>/dev/null)
endif
