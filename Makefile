# make           the shared library: lib/libhpm.so.0
# make test      everything that is tested here
# make demo      the main example: a dirty data set is cleaned while a network trains on it
# make generate  the header, the ABI description, the ctypes prototypes and the C reference
# make bench     microseconds for a call, as CSV
# make wheel     a Python wheel with the library inside
# make install   header and library below PREFIX

SHELL := /bin/sh
PREFIX ?= /usr/local
SWIFT ?= swift
CLANG ?= clang
PYTHON ?= python3
VENV := .venv
BIN := .build-clients
WARNINGS := -Wall -Wextra -Wpedantic -Werror
CFLAGS := -O2 $(WARNINGS) -I include
LIBRARY := lib/libhpm.so.0
LINK := -L lib -lhpm -lm -Wl,-rpath,$(CURDIR)/lib

# Flags that a manifest may not have if it is to be a dependency: the runtime goes into the library and
# stays hidden there. What differs between platforms stands here alone.
ifeq ($(shell uname),Darwin)
LIBRARY_FLAGS := -Xlinker -exported_symbols_list -Xlinker scripts/libhpm.exports \
	-Xlinker -install_name -Xlinker @rpath/libhpm.0.dylib
BUILT := libhpm.dylib
else
LIBRARY_FLAGS := -Xswiftc -static-stdlib -Xswiftc -use-ld=lld -Xlinker --version-script=$(CURDIR)/scripts/libhpm.map \
	-Xlinker -soname=libhpm.so.0 -Xlinker --gc-sections -Xlinker -s
BUILT := libhpm.so
endif

.PHONY: all
all: $(LIBRARY)

$(LIBRARY): Package.swift Makefile scripts/libhpm.map $(shell find Sources -name '*.swift')
	@rm -f .build/release/$(BUILT)  # changed linker flags alone would not link anew
	$(SWIFT) build -c release --product hpm $(LIBRARY_FLAGS)
	mkdir -p lib
	cp .build/release/$(BUILT) $@.new
	mv $@.new $@  # a program that has the old one loaded keeps it
	ln -sf $(notdir $@) lib/libhpm.so
	touch $@
