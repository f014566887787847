# shellcheck shell=bash
# A classic setup: old names, a password hashed by Notebook 5.
set -euo pipefail
install -d -o jupyter -g jupyter /home/jupyter/.jupyter
hash=$(python3 \
  -c 'import hashlib; print("sha1:0123456789ab:" + hashlib.sha1(b"old passw\xc3\xb6rd" + b"0123456789ab").hexdigest())')
cat > /home/jupyter/.jupyter/jupyter_notebook_config.py <<END
c = get_config()
#c.NotebookApp.base_url = '/'
c.NotebookApp.ip = '*'
c.NotebookApp.port = 9999
c.NotebookApp.notebook_dir = u'/home/jupyter/work'
c.NotebookApp.password = u'$hash'
END
