# abota: make sim shows it work, make test proves it. `make help` lists the rest.

GO      ?= go
OUT     := build
ARCHES  := amd64 arm64 armv7
FUZZTIME ?= 60s
BOARD    ?= arm64
IMAGE    ?= abota-sim
# For the tool that builds the image, such as --build-arg GOPROXY=….
IMAGEFLAGS ?=

GOFUMPT     := mvdan.cc/gofumpt@v0.12.0
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# What the tests use beside Go: QEMU with U-Boot, what builds U-Boot for a PC,
# tools that build disk images without root, U-Boot's own environment tools,
# and the Python of the script that abota replaces.
PACKAGES := qemu-system-arm qemu-system-x86 u-boot-qemu \
	gcc-i686-linux-gnu gcc libc6-dev libssl-dev make bison flex swig python3-dev python3-setuptools dpkg-dev patch \
	u-boot-tools libubootenv-tool efibootmgr systemd-boot grub-common mtools gdisk dosfstools e2fsprogs cryptsetup-bin util-linux \
	strace python3 python3-cryptography python3-boto3 debootstrap ca-certificates

export CGO_ENABLED := 0

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: sim
sim: ## a virtual board (BOARD=arm64; `make boards` names all) takes an update from S3, and comes back from bad ones
	$(GO) run ./cmd/abota-sim --board $(BOARD) scenario story

.PHONY: boards
boards: deps ## a table of all boards (processor, firmware, boot loader) and what happens to updates on them, in seconds (BOARDS: some of them)
	$(GO) run ./cmd/abota-sim boards $(BOARDS)
.PHONY: boards-quick
boards-quick: deps ## the same: all of arm64, of the others an update that is kept and one that panics
	$(GO) run ./cmd/abota-sim boards quick $(BOARDS)

# In this order. Each is a target of its own.
AWS       := sim-aws-scenario fleet sim-aws-faults
AWS_SHORT := sim-aws-cycle

.PHONY: sim-aws
sim-aws: deps $(AWS) ## the same as jobs of AWS IoT, from create-ota to job completed, on two boards; then fleet and the table of faults
.PHONY: sim-aws-short
sim-aws-short: deps $(AWS_SHORT) ## one job on one board, in two minutes

.PHONY: sim-aws-scenario sim-aws-cycle
sim-aws-scenario:
	$(GO) run ./cmd/abota-sim scenario aws-iot
sim-aws-cycle:
	$(GO) run ./cmd/abota-sim scenario aws-iot-cycle

SEED ?= 1

.PHONY: crash
crash: deps ## the crash proof: the power goes at every place of whole updates (BOARD=arm64; SEED=1; goes on where it was)
	$(GO) run ./cmd/abota-sim --board $(BOARD) --seed $(SEED) crash long

.PHONY: crash-short
crash-short: deps ## the same in a few minutes, and the seeded defects that show that it can fail
	$(GO) run ./cmd/abota-sim --board $(BOARD) --seed $(SEED) crash short

# The quickest first. Each goes on where it was, and the others are done when one fails.
CRASH_BOARDS := arm64 armhf amd64-grub amd64-sdboot arm64-sdboot amd64-efi

.PHONY: crash-boards
crash-boards: deps ## the crash proof in its long form over every boot loader (SEED=1; goes on where it was)
	@failed=; for board in $(CRASH_BOARDS); do $(GO) run ./cmd/abota-sim --board $$board --seed $(SEED) crash long || failed="$$failed $$board"; done; \
	test -z "$$failed" || { echo "the crash proof failed on:$$failed"; exit 1; }

.PHONY: bootcuts
bootcuts: deps ## every state that a power cut leaves of a boot table, booted by U-Boot, GRUB and systemd-boot (SEED=1; LOADERS=uboot; goes on where it was; a day)
	$(GO) run ./cmd/abota-sim --seed $(SEED) bootcuts $(LOADERS)

.PHONY: bootcuts-quick
bootcuts-quick: deps ## a sample of them in two minutes
	$(GO) run ./cmd/abota-sim --seed $(SEED) bootcuts quick $(LOADERS)

.PHONY: grubscript
grubscript: deps ## every row of grub.cfg's tests in the real GRUB
	ABOTA_GRUB=full $(GO) test -count=1 -v -timeout 60m ./sim/grubscript

.PHONY: takeover
takeover: deps ## devices of RAUC, Mender and SWUpdate taken over in the real U-Boot and GRUB, with ten quiet reboots each
	ABOTA_TAKEOVER=full $(GO) test -count=1 -v -timeout 60m ./sim/takeover

.PHONY: fleet
fleet: ## 1,000 simulated agents in a rollout by AWS IoT that stops itself, and then the fix (SEED=1)
	$(GO) run ./cmd/abota-sim --seed $(SEED) fleet

.PHONY: network
network: deps ## a table of every fault of networks and servers: outcome, bytes fetched twice, time to recover
	$(GO) run ./cmd/abota-sim network

.PHONY: sim-aws-faults
sim-aws-faults: deps ## the same table for jobs of AWS IoT: networks, documents, cancels, power cuts, lost reports
	$(GO) run ./cmd/abota-sim aws-faults

# Uncached, since for its cache go test notes every file that a test opens, and
# 200 agents open millions.
.PHONY: test
test: deps ## every test, with a real MinIO and one whole update in QEMU
	$(GO) test -count=1 -timeout 30m ./...

# What is not here is skipped, and said to be, with what to install.
.PHONY: clients
clients: deps ## clients of AWS IoT from npm, boto3 and the AWS CLI against the emulated one; every skip is printed
	$(GO) test -count=1 -v -timeout 30m ./sim/awsiot/clients -args -npm
	$(GO) test -count=1 -v -run '^(TestBoto3SeesTheAccount|TestAWSCommandLine)$$' ./sim/awsiot

.PHONY: soak
soak: ## 200 agents for 48 hours on a virtual clock, against a server that keeps failing
	$(GO) test -count=1 -v -timeout 30m -run TestSoak ./cmd/abota -args -soak.hours=48

.PHONY: damage
damage: ## what disks, releases and publishers can do wrong, and what the device says
	ABOTA_DAMAGE=full $(GO) test -count=1 -v -run '^(TestHostileDisk|TestDamageMatrix|TestPublicationRace|TestHostileFiles|TestHostileStateDir)$$' ./cmd/abota | grep -v '^ *\(=== \|--- PASS\)'

.PHONY: check
check: ## format, vet, staticcheck, import rule, size budget
	@out=$$($(GO) run $(GOFUMPT) -l bootctl cmd sim updater) && test -z "$$out" || { echo "gofumpt differs: $$out"; exit 1; }
	$(GO) vet ./...
	GOOS=linux GOARCH=arm GOARM=7 $(GO) vet ./cmd/abota ./updater/... ./bootctl/...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test -count=1 -run TestImports ./cmd/abota
	@$(MAKE) --no-print-directory size

.PHONY: build
build: $(ARCHES:%=$(OUT)/%/abota) $(OUT)/abota-publish $(OUT)/abota-sim ## the device binary for three architectures, and the host's tools

.PHONY: FORCE
FORCE:

$(OUT)/amd64/abota: export GOARCH = amd64
$(OUT)/arm64/abota: export GOARCH = arm64
$(OUT)/armv7/abota: export GOARCH = arm
$(OUT)/armv7/abota: export GOARM = 7
$(OUT)/%/abota: FORCE
	.ci/device $@

$(OUT)/abota-%: FORCE
	$(GO) build -trimpath -o $@ ./cmd/$(@F)

.PHONY: size
size: $(ARCHES:%=$(OUT)/%/abota) ## the device binaries against their budget, and what they consist of
	@.ci/size $^

.PHONY: bench
bench: deps build ## every stage, and a whole install beside the Python script it replaces
	$(GO) test -run '^$$' -bench . -benchtime 1s ./updater/... ./bootctl/... ./cmd/abota
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./sim/bench

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (60s)
	@.ci/fuzz $(FUZZTIME)

.PHONY: deps
deps: ## install the Debian packages that the tests use
	@missing=$$(for p in $(PACKAGES); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	test -z "$$missing" && exit 0; set -- $$missing; \
	if [ "$$(id -u)" = 0 ]; then sudo=; elif sudo -n true 2>/dev/null; then sudo="sudo -n"; else \
	echo "these packages are missing: run  sudo apt-get update && sudo apt-get install -y --no-install-recommends $$*"; exit 1; fi; \
	echo "installing $$*"; \
	$$sudo apt-get -q update && DEBIAN_FRONTEND=noninteractive $$sudo apt-get -q install -y --no-install-recommends "$$@"

.PHONY: image
image: ## the simulator as a container's image IMAGE (abota-sim), by docker, podman or buildah
	@for tool in docker podman buildah; do $$tool info >/dev/null 2>&1 || continue; set -x; \
	exec $$tool build $(IMAGEFLAGS) -f Dockerfile.qemu -t $(IMAGE) .; done; \
	echo "cannot build an image because none of docker, podman and buildah works here: install one, and start docker's service"; exit 1

.PHONY: clean
clean: ## remove what was built here (caches outside the tree stay)
	rm -rf $(OUT)
