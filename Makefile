# Two commands do all the set-up on a fresh machine: `make demo` and `make test`.

SHELL := /bin/bash
BINARY := target/release/innkeeper

.PHONY: setup build demo test test-languages soak bench fuzz lint clean

setup:
	@tests/setup/install

build: setup
	cargo build --release --locked --workspace

demo: build
	@tests/setup/demo $(BINARY)

test: build
	cargo test --release --locked --workspace

# Builds the engines of guests/examples in JavaScript, Python, Go and C, and uses each over HTTP.
test-languages: build
	@tests/setup/languages
	@tests/languages/run

# Kills the server and the store under load 200 times each, and compares ten million decisions of policies.
soak: build
	INNKEEPER_CRASH_ROUNDS=200 INNKEEPER_POLICY_CASES=10000000 cargo test --release --locked --workspace -- \
	    --nocapture crash acknowledged killed plain_reading

bench: build
	cargo bench --locked --workspace --bench bench

# Each target for a minute, of the crates that the product is built of. Wants cargo-fuzz (cargo install cargo-fuzz); its
# sanitizers are what RUSTC_BOOTSTRAP lets the usual compiler do.
fuzz: setup
	cp Cargo.lock tests/fuzz/Cargo.lock
	cd tests && for target in $$(cargo fuzz list --fuzz-dir fuzz); do \
	    RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir fuzz $$target -- -max_total_time=60 || exit 1; \
	done

lint: setup
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets -- -D warnings

clean:
	cargo clean
