# Everything a newcomer runs. `make help` lists the targets.
# Each target makes its own environment in .venv: python3 (3.11 or later), make and a network do.

PYTHON ?= python3
CHROMIUM ?= chromium
BIN := .venv/bin
INSTALLED := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help demo demo-annotate test check format page pictures results ablation table3 \
	bench bench-peers bench-compare clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## learn patterns from synthetic cells and write demo/report.html (under five minutes)
	$(BIN)/cellquery demo --into demo

LEARNT := demo-annotate/models/initial/model.safetensors
demo-annotate: $(LEARNT) ## label synthetic cells in a browser, with a network that learns beside
	$(BIN)/cellquery serve demo-annotate --split parts --pool train --rehearse test \
		--initial $(LEARNT) --settings frontend/demo-annotate.toml

$(LEARNT): | $(INSTALLED)
	$(BIN)/cellquery synthesize --into demo-annotate --cells 1500 --specimens 60
	$(BIN)/cellquery split demo-annotate --by specimen --name parts
	$(BIN)/cellquery train demo-annotate --split parts --part test --name initial

test: $(INSTALLED) ## run every test; those on the real cells are skipped where these are absent
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not alone"
	$(BIN)/pytest -m alone

check: check-code check-documentation ## check format, lint, types, import directions and documentation
.PHONY: check-code check-documentation
check-code: $(INSTALLED)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check-documentation: $(INSTALLED)
	$(BIN)/pytest -q --doctest-modules --ignore=src/cellquery/storage/migrations src tests/documentation

format: $(INSTALLED) ## put the code into its format and mend what lint can mend
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

page: $(INSTALLED) ## build the annotation page again (needs Node.js 20 or later)
	$(BIN)/python frontend/write_openapi.py
	cd frontend && npm ci --silent --no-audit --no-fund && npm run --silent client && npm run --silent build

pictures: demo $(LEARNT) ## draw the documentation's pictures again, from synthetic cells (needs Chromium)
	$(BIN)/cellquery synthesize --gallery docs/images/synthetic-cells.png --specimens 54 --patterns \
		homogeneous,speckled,nucleolar,centromere,nuclear_membrane,golgi,coarse_speckled,fine_speckled,cytoplasmic
	$(BIN)/cellquery show demo/target S003-00002 --out docs/images/wavelets.png
	$(CHROMIUM) --headless --no-sandbox --hide-scrollbars --window-size=1100,1400 \
		--screenshot=docs/images/report.png "file://$(CURDIR)/demo/report.html"
	$(BIN)/python frontend/screenshots.py demo-annotate

results: EXPERIMENT = i3a-best
results: study ## measure the best settings on the real cells (hours), write docs/results.md

ablation: EXPERIMENT = i3a-ablation
ablation: study ## measure what each choice is worth on the real cells (hours), write docs/results.md

# All rows but those that start from weights learnt elsewhere; ONLY=test or folds runs half of each.
TABLE3 := $(filter-out %-alexnet %-vgg16 %-vgg19 %-resnet50 %-cross-modal %-frozen-backbone, \
	$(patsubst experiments/%.toml,%,$(wildcard experiments/table3-*.toml)))
table3: ## run the rows of Table 3 that need no download on the real cells (days), write docs/comparisons.md
	$(MAKE) i3a
	for row in $(TABLE3); do $(MAKE) kept EXPERIMENT=$$row || exit 1; done
	$(BIN)/cellquery experiment compare experiments/table3-*.toml --runs results --into docs/comparisons.md

# I3A names the folder of the real cells. Finished runs are kept, an interrupted study goes on.
I3A ?= ../shared/data/i3a
.PHONY: i3a kept study
i3a: $(INSTALLED)
	$(BIN)/cellquery import $(I3A) --into runs/i3a --annotations $(I3A)/roles.csv \
		--id-column id --specimen-column estimated_specimen
	$(BIN)/cellquery split runs/i3a --from-table $(I3A)/roles.csv \
		--id-column id --part-column role --name roles

kept: $(INSTALLED)
	$(BIN)/cellquery experiment run experiments/$(EXPERIMENT).toml --project runs/i3a --into runs $(if $(ONLY),--only $(ONLY))
	mkdir -p results
	tar -C runs --exclude='*.safetensors' --exclude='*.parquet' --exclude='synthetic-*' --exclude='*.lock' \
		-cf - $(EXPERIMENT) | tar -C results -xf -

study:
	$(MAKE) i3a
	$(MAKE) kept EXPERIMENT=$(EXPERIMENT)
	$(BIN)/cellquery experiment table results/$(EXPERIMENT) --into docs/results.md

# ONLY names some comparisons; PROJECT and FOLDS real cells and the folds learnt from them, as
# `make results` leaves them; THREADS how many are used, all cores if none. What is finished stays in
# results/bench and is kept.
BESIDE = $(if $(filter campaign,$(or $(ONLY),campaign)),bench-peers) \
	$(if $(filter selection,$(ONLY)),.venv-peers/baal/installed)
bench: $(INSTALLED) $(BESIDE) ## measure speed beside other libraries (an hour), write docs/speed.md; ONLY=campaign one part
	$(BIN)/python -m bench $(ONLY) --page docs/speed.md \
		$(if $(PROJECT),--project $(PROJECT)) $(if $(FOLDS),--folds $(FOLDS)) \
		$(if $(THREADS),--threads $(THREADS))

bench-compare: $(INSTALLED) ## measure what became slower since BASE=revision, in one run
	@[ -n "$(BASE)" ] || { echo "error: BASE: not given; name a revision: make bench-compare BASE=main"; exit 1; }
	$(BIN)/python -m bench.compare "$(BASE)" $(ONLY)

# Their versions exclude each other: an environment for each.
PEERS ?= modal scikit-activeml baal small-text
bench-peers: $(PEERS:%=.venv-peers/%/installed) ## install the libraries that a campaign is measured beside

.venv-peers/%/installed: pyproject.toml constraints.txt
	@[ -x .venv-peers/$*/bin/python ] || $(PYTHON) -m venv .venv-peers/$*
	@echo "installing $* into .venv-peers/$*, a few minutes"
	grep -v '$(if $(filter modal,$*),^scikit-learn==,^$$)' constraints.txt > .venv-peers/$*/constraints.txt
	.venv-peers/$*/bin/python -m pip install --quiet --disable-pip-version-check \
		-c .venv-peers/$*/constraints.txt -e '.[peer-$*]'
	@touch $@

clean: ## remove the environment and everything made by these targets
	rm -rf .venv .venv-peers build dist demo demo-annotate .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -prune -exec rm -rf {} +

# Only a whole installation leaves the stamp, so an interrupted one is done again.
$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
		echo "error: $(PYTHON): not found; install Python 3.11 or later, or name one with make PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: $(PYTHON): $$($(PYTHON) --version) is too old; name 3.11 or later with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "error: $(PYTHON): has no venv module; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "installing into .venv, a few minutes the first time"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
		-c constraints.txt -e '.[dev]'
	@# All cores, without the libraries' own tests: quicker than pip. Some files are not for this Python.
	@$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' .venv/lib || true
	@touch $@
