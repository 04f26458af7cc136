# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.

SHELL := /bin/bash
BINARY := target/release/innkeeper

.PHONY: setup build demo test bench lint clean

setup:
	@tests/setup/install

build: setup
	cargo build --release --locked --workspace

demo: build
	@tests/setup/demo $(BINARY)

test: build
	cargo test --release --locked --workspace

bench: build
	cargo bench --locked --workspace --bench bench

lint: setup
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

clean:
	cargo clean
