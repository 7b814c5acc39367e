# make alone lists the commands. Each does its own set-up: a virtual environment with the versions of constraints.txt.
# Variables may be given as `make sweep-lambda SCALE=smoke` or in the environment.

PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
VENV   := .venv
PY     := $(VENV)/bin/python

# A word of the shell, whatever is in it; a new line, which would end the recipe's, becomes a space.
define newline


endef
quoted = '$(subst $(newline), ,$(subst ','\'',$(1)))'

# A variable that is mistyped here would be as if it had not been given (in the environment, or by another make, it may be
# somebody else's).
VARIABLES := DATASET DATA_DIR JOBS SEED RUN SCALE PLAN RETRY TRIAL_TIMEOUT PACK_WIDTH ARGS PYTHON
UNKNOWN := $(filter-out $(VARIABLES) VENV SHELL PIP_% PYTEST_%,$(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name))))
$(if $(filter 0,$(MAKELEVEL)),$(if $(UNKNOWN),$(error error: a variable must be one of $(VARIABLES), got $(sort $(UNKNOWN)))))

# One flag per variable that is set; ARGS goes through as it is.
FLAGS = $(if $(DATASET),--dataset $(call quoted,$(DATASET))) \
	$(if $(DATA_DIR),--data-dir $(call quoted,$(DATA_DIR))) \
	$(if $(JOBS),--jobs $(call quoted,$(JOBS))) \
	$(if $(SEED),--seed $(call quoted,$(SEED))) \
	$(if $(SCALE),--scale $(call quoted,$(SCALE))) \
	$(if $(RUN),--run $(call quoted,$(RUN))) \
	$(if $(filter-out 0,$(PLAN)),--plan) \
	$(if $(RETRY),--retry $(call quoted,$(RETRY))) \
	$(if $(TRIAL_TIMEOUT),--trial-timeout $(call quoted,$(TRIAL_TIMEOUT))) \
	$(if $(PACK_WIDTH),--pack-width $(call quoted,$(PACK_WIDTH))) \
	$(ARGS)

# Not empty where the benchmark races against peers, which must then be installed.
RACES = $(if $(or $(findstring --only,$(ARGS)),$(findstring --help,$(ARGS))),$(findstring race,$(ARGS))$(findstring whole-sweep,$(ARGS)),all)
PEERS = import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["bench"], sep="\n")

.PHONY: help init-sensitivity gradient-check report assignment experiments data test check fix bench faults clean FORCE
.NOTPARALLEL: # each command uses all cores by itself

help: ## list the commands and their variables
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {sub("%", "<name>", $$1); printf "  make %-18s%s\n", $$1, $$2}' Makefile
	@echo
	@sed -n 's/^#  /  /p' Makefile

#  DATASET=name|file.npz             cifar10, digits, mnist, mnist-t10k or your own (without it: CIFAR-10 where it can be had)
#  DATA_DIR=folder                   where the data sets lie (without it: data)
#  JOBS=2  SEED=0  RUN=name          workers, root seed, a name that keeps results apart
#  SCALE=smoke|quick|full            how much to train (without it: full)
#  PLAN=1                            show what would be trained, train nothing
#  RETRY=failed                      train failed trials again
#  TRIAL_TIMEOUT=600                 seconds after which a pack of trials has failed (without it: never)
#  PACK_WIDTH=8                      trials per pack instead of the rule
#  ARGS="--coarse.count 32"          any other flag (.venv/bin/python -m sweeps NAME --help lists them)
#  PYTHON=python3.12                 the interpreter to build the environment with

sweep-lambda: ## search the L2 penalty from coarse to fine, then train the winners

sweep-depth: ## train networks of 2, 3, 6 and 9 layers, with and without batch norm

sweep-%: $(VENV)/run FORCE ## run the sweep of that name (.venv/bin/python -m sweeps lists them)
	@$(PY) -m sweeps $* $(FLAGS)

init-sensitivity: sweep-init-sensitivity ## vary the scale of the initial weights, with and without batch norm

gradient-check: sweep-gradient-check ## compare the gradients that training uses with centred differences

report: sweep-report ## write report.pdf and report.md from what the sweeps have stored; train nothing

assignment: sweep-assignment ## all of the assignment: gradient-check, lambda, depth, init-sensitivity, report

experiments: sweep-experiments ## all other sweeps (optimizers, skip, dropout, weight-scale, ...), then the report

data: sweep-data ## find or download the data set and prepare its rows

test: $(VENV)/dev ## run the tests (those on real CIFAR-10 need DATA_DIR)
	@$(PY) -m pytest -n auto --maxprocesses 8 --dist worksteal $(ARGS)

check: $(VENV)/dev ## lint, formatting, types and the arrows between the layers; changes nothing
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports --no-logo

fix: $(VENV)/dev ## repair what ruff can repair
	@$(PY) -m ruff check --fix
	@$(PY) -m ruff format

bench: $(VENV)/$(if $(RACES),bench,dev) ## measure: packs, predictions, costs, a race against PyTorch, JAX, ...
	@$(PY) tests/bench $(if $(DATA_DIR),--data-dir $(call quoted,$(DATA_DIR))) $(ARGS)

faults: $(VENV)/dev ## kill, starve and damage real runs, and count what is lost by it
	@$(PY) tests/faults $(ARGS)

clean: ## remove caches and build files; never results, data or the environment
	@rm -rf artifacts/cache build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -path ./$(VENV) -prune -o -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. $(VENV)/run, $(VENV)/dev and $(VENV)/bench are stamps: what is installed, and when. The file `whole` is missing
# while something is being installed; where it is missing at the start, an interrupted environment is built anew.
$(VENV)/run: pyproject.toml constraints.txt $(PY)
	$(call install,.[report])

$(VENV)/dev: pyproject.toml constraints.txt $(PY)
	$(call install,.[dev])
	@touch $(VENV)/run

$(VENV)/bench: $(VENV)/dev # peer by peer: one that cannot be had is missing from the race, and the others are not
	@peers=$$($(PY) -c '$(PEERS)') || exit 1; \
	rm $(VENV)/whole; \
	printf '%s\n' "$$peers" | while read -r peer; do \
	  echo "installing $$peer into $(VENV)"; \
	  $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt "$$peer" \
	  || echo "note: $$peer cannot be had here and will be missing from the race (to try again: rm $@)"; \
	done
	@touch $(VENV)/whole $@

$(PY): # missing, or a link to an interpreter that is gone
	@$(forget)

# An environment that is built anew is removed first; a folder of anything else is not.
define forget
if test -n "$$(ls -A $(VENV) 2>/dev/null)" && ! test -f $(VENV)/pyvenv.cfg; then \
  echo "error: VENV must be an environment or an empty folder, got $(VENV) with other files" >&2; exit 1; fi; \
rm -rf $(VENV)
endef

define install
@test -f $(VENV)/whole || { $(create); }
@echo "installing the packages of constraints.txt into $(VENV)"
@rm $(VENV)/whole
@$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '$(1)'
@touch $(VENV)/whole $@
endef

define create
$(forget); found=; \
for name in $(PYTHON); do \
  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$name; break; fi; \
done; \
if test -z "$$found"; then \
  echo "error: PYTHON must name an interpreter of version 3.11 or newer, got $(PYTHON)" >&2; exit 1; fi; \
if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
  echo "error: $$found must have the modules venv and ensurepip (Debian: apt install python3-venv)" >&2; exit 1; fi; \
"$$found" -m venv $(VENV) && touch $(VENV)/whole
endef
