# Replaced by the full one soon: enough to work on the tree.
PYTHON ?= python3
.venv:
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --require-hashes -r requirements.txt
	.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements-dev.txt
	mkdir -p .ansible/collections/ansible_collections/remote
	ln -sfn ../../../.. .ansible/collections/ansible_collections/remote/notebooks
	site=$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && mkdir -p $$site/ansible_collections/remote && ln -sfn $(CURDIR) $$site/ansible_collections/remote/notebooks
