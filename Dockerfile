# mubench-gen in a container.
#   docker build -t mubench-gen .                                   for CPUs
#   docker build -t mubench-gen:gpu --build-arg EXTRAS=vllm,server,ubench --build-arg TORCH= .
#   docker run --rm -v "$PWD:/work" mubench-gen eval --plugin tiny --limit 20
#   docker run --rm --gpus all -v "$PWD:/work" -v ~/.cache/huggingface:/cache/huggingface mubench-gen:gpu \
#     eval --plugin llava --limit 20
ARG PYTHON=3.12
FROM python:${PYTHON}-slim
ARG EXTRAS=transformers,server,ubench
# Where torch's wheels for CPUs are: a tenth of those for CUDA, which are PyPI's on Linux. Empty: PyPI.
ARG TORCH=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1 \
    MUBENCH_GEN_CACHE=/cache/mubench-gen HF_HOME=/cache/huggingface
WORKDIR /src
COPY . .
RUN if [ -n "$TORCH" ]; then pip install torch --index-url "$TORCH"; fi \
    && pip install ".[${EXTRAS}]" && rm -rf /src/* \
    && useradd --create-home user && mkdir -p /work "$MUBENCH_GEN_CACHE" "$HF_HOME" \
    && chmod -R a+rwX /work /cache
USER user
WORKDIR /work
ENTRYPOINT ["mubench-gen"]
CMD ["--help"]
