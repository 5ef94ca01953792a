# otelcd. `make run` installs what is missing, builds and starts; `make check` tests; `make help` lists the rest.

MODE ?= release
B    := build/$(MODE)
PREFIX ?= /usr/local

PKGS := libuv libnghttp2 libprotobuf-c yaml-0.1 zlib libzstd libxxhash jansson libpcre2-8
LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lsnappy -lm
ISAL := $(shell printf '\#include <isa-l/igzip_lib.h>\n' | $(CC) -E - >/dev/null 2>&1 && echo yes)
ifeq ($(ISAL),yes)
LIBS += -lisal
ISAL_FLAGS := -DHAVE_ISAL
endif

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla \
        -Wformat=2 -Wundef -Werror \
        $(if $(findstring clang,$(CC)),-Wno-gnu-zero-variadic-macro-arguments)
CFLAGS_release := -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
CFLAGS_debug   := -Og -g3
CFLAGS_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS_asan   := -fsanitize=address,undefined

CPPFLAGS += -Isrc -I$(B)/gen -D_GNU_SOURCE $(ISAL_FLAGS) $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
ALL_CFLAGS := -std=gnu11 $(CFLAGS_$(MODE)) $(WARN) $(CFLAGS)
ALL_LDFLAGS := $(LDFLAGS_$(MODE)) $(LDFLAGS)

PROTOS   := $(shell find proto -name '*.proto')
WELL_KNOWN := google/protobuf/any google/protobuf/duration google/protobuf/timestamp
GEN_C    := $(PROTOS:proto/%.proto=$(B)/gen/%.pb-c.c) $(WELL_KNOWN:%=$(B)/gen/%.pb-c.c)
SRCS     := $(shell find src -name '*.c')
CORE     := $(filter-out $(B)/src/main.o,$(SRCS:%.c=$(B)/%.o)) $(GEN_C:.c=.o)
TESTS    := $(patsubst %.c,$(B)/%,$(shell find test/unit -name '*_test.c' 2>/dev/null))

all: build/otelcd

build/otelcd: $(B)/otelcd
	@mkdir -p build && ln -sf $(MODE)/otelcd $@

$(B)/otelcd: $(B)/src/main.o $(B)/core.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(B)/core.a: $(CORE)
	@rm -f $@ && ar rcs $@ $^

# One run of protoc-c makes all of them.
$(GEN_C): $(B)/gen/.done
$(B)/gen/.done: $(PROTOS)
	@mkdir -p $(B)/gen
	cd proto && protoc-c -I. -I/usr/include --c_out=$(abspath $(B)/gen) $(PROTOS:proto/%=%) $(WELL_KNOWN:%=%.proto)
	@touch $@

$(B)/gen/%.o: $(B)/gen/%.c
	$(CC) -std=gnu11 $(CFLAGS_$(MODE)) $(CPPFLAGS) -w -MMD -MP -c -o $@ $<

$(B)/src/%.o: src/%.c $(B)/gen/.done
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(B)/test/%.o: test/%.c $(B)/gen/.done
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CPPFLAGS) -Itest -MMD -MP -c -o $@ $<

# A test may include the .c it tests to see its statics: the archive's member is then not pulled in.
$(TESTS): %: %.o $(B)/core.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(shell pkg-config --libs check) $(LIBS)

unit: $(TESTS:%=%.ok)
%.ok: %
	./$< && touch $@

clean:
	rm -rf build

.PHONY: all unit clean
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
