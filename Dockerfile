# syntax=docker/dockerfile:1
# Two images from one file:
#   docker build --target bot .      chats, migrations, purge: no torch, no weights
#   docker build --target worker .   draws; with --build-arg TORCH_INDEX=... for a GPU
# --build-arg EXTRAS=1 adds what the extras `traces` and `c2pa` of pyproject.toml need.
# Everything from a package index but torch is compared with the hashes in requirements/hashed/ (requirements/hash.sh).
# Each stage of the lower half holds only what runs: packages and weights are made in stages that are thrown away.

ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
# Dependencies first: they change less often than the code, and their layers are kept.
COPY pyproject.toml ./
COPY requirements/ requirements/
RUN python -m venv --without-pip /opt/childface

# ---- our own code as a wheel

FROM build AS wheel
COPY . .
RUN --mount=type=cache,target=/root/.cache/pip \
    pip wheel --no-deps --wheel-dir /wheels .

# ---- what a bot needs

FROM build AS bot-packages
ARG EXTRAS=
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/childface/bin/python install --no-deps --require-hashes \
        --requirement requirements/hashed/bot.txt ${EXTRAS:+--requirement requirements/hashed/extras.txt}
COPY --from=wheel /wheels /wheels
# The weights of our own stay out as well: nobody loads them here.
RUN pip --python /opt/childface/bin/python install --no-cache-dir --no-deps /wheels/*.whl && \
    find /opt/childface -path '*/core/weights/*.safetensors' -delete

# ---- what a worker needs

FROM build AS worker-packages
ARG EXTRAS=
# Builds of torch for the CPU are a tenth of those with CUDA's libraries. For a GPU: .../whl/cu130
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/childface/bin/python install --no-deps --index-url "${TORCH_INDEX}" \
        "$(grep '^torch==' requirements/constraints.txt)"
RUN --mount=type=cache,target=/root/.cache/pip \
    case "${TORCH_INDEX}" in */cpu) gpu= ;; *) gpu=yes ;; esac && \
    pip --python /opt/childface/bin/python install --no-deps --require-hashes \
        --requirement requirements/hashed/worker.txt ${EXTRAS:+--requirement requirements/hashed/extras.txt} \
        ${gpu:+--requirement requirements/hashed/gpu.txt}
COPY --from=wheel /wheels /wheels
RUN pip --python /opt/childface/bin/python install --no-cache-dir --no-deps /wheels/*.whl

# ---- the weights of others: fetched, each compared with its SHA-256, converted

FROM worker-packages AS weights
ENV CHILDFACE_WEIGHTS_DIR=/fetched
RUN --mount=type=cache,target=/fetched \
    pip --python /opt/childface/bin/python install --no-cache-dir --no-deps --require-hashes \
        --requirement requirements/hashed/tools.txt && \
    /opt/childface/bin/childface weights fetch && \
    /opt/childface/bin/childface weights verify && \
    mkdir /weights && \
    find /fetched -maxdepth 1 -type f ! -name '.*' -exec cp --target-directory=/weights {} + && \
    chmod --recursive a+rX /weights

# ---- what runs

FROM python:${PYTHON} AS runtime
# FriBiDi: Pillow looks for it when it writes Arabic and Hindi. libseccomp: photos are opened behind a filter.
# pip and its friends have nothing to do here.
# No version: Debian keeps only the newest of a release, which is the one with the security fixes.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends libfribidi0 libseccomp2 && \
    rm -rf /var/lib/apt/lists/* && \
    pip uninstall --yes --quiet setuptools wheel pip && \
    groupadd --system --gid 10001 childface && \
    useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin childface && \
    install --directory --mode=0700 --owner=childface --group=childface /data /key
ENV PATH=/opt/childface/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    CHILDFACE_DATA_DIR=/data \
    CHILDFACE_KEY_FILE=/key/key \
    CHILDFACE_WEIGHTS_DIR=/weights \
    CHILDFACE_HEARTBEAT_FILE=/tmp/alive
WORKDIR /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["childface", "health"]

FROM runtime AS worker
COPY --from=worker-packages /opt/childface /opt/childface
COPY --from=weights /weights /weights
USER 10001:10001
CMD ["childface", "worker"]

# The last one is what `docker build .` makes.
FROM runtime AS bot
COPY --from=bot-packages /opt/childface /opt/childface
USER 10001:10001
CMD ["childface", "bot", "all"]
