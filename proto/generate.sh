#!/bin/sh
# Writes the stubs of proto/ into sdk/watchword; `make generated-check` compares.
set -eu
cd "$(dirname "$0")"
out=${1:-../sdk}
bin=../.venv/bin
"$bin/python" -m grpc_tools.protoc -I . \
  --plugin=protoc-gen-mypy="$bin/protoc-gen-mypy" --plugin=protoc-gen-mypy_grpc="$bin/protoc-gen-mypy_grpc" \
  --python_out="$out" --grpc_python_out="$out" --mypy_out=quiet:"$out" --mypy_grpc_out=quiet:"$out" \
  $(find watchword -name '*.proto' | sort)
find "$out/watchword" -mindepth 1 -type d ! -name '__pycache__' -exec touch {}/__init__.py \;
