# docker build -t workloads . && docker run --rm -v "$PWD:/work" workloads check
FROM python:3.13-slim AS build
COPY . /source
RUN python -m venv /opt/workloads && /opt/workloads/bin/pip install --no-cache-dir "/source[helm,github,gitlab,live]"

FROM python:3.13-slim
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 # A mounted checkout belongs to another user.
 && git config --system safe.directory '*' \
 && useradd --uid 65532 --create-home workloads
COPY --from=build /opt/workloads /opt/workloads
# The Go runtime reads these: Helm then spends less time on collecting garbage, for a little more memory.
ENV PATH="/opt/workloads/bin:$PATH" GOGC=400 GOMEMLIMIT=2GiB
USER 65532
WORKDIR /work
ENTRYPOINT ["workloads"]
CMD ["--help"]
