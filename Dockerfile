# Build for other platforms as for this one: all dependencies come as wheels, nothing is compiled.
#
# The base image is a tag, since a digest is worth something only to somebody who has looked it up.
# The provenance of a released image names it. To choose one yourself, look it up
# (docker buildx imagetools inspect python:3.13-slim) and give it:
#   docker build --build-arg PYTHON=python:3.13-slim@sha256:... -t REGISTRY/cnat:VERSION .
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
WORKDIR /src
COPY requirements.lock ./
RUN python3 -m venv --without-pip /opt/cnat
RUN python3 -m pip --python /opt/cnat install --no-compile --no-deps --require-hashes --only-binary=:all: -r requirements.lock
# cnat speaks JSON with the API server: the client's typed models, which it has twice (the second
# time for asyncio), are two thirds of all that is installed, and none of them is ever imported.
RUN cd /opt/cnat/lib/python3*/site-packages/kubernetes && rm -r aio client/api client/models/v*.py
COPY reconcile.py /opt/cnat/
COPY cnat /opt/cnat/cnat
# The file system is read-only at run time, so what isn't compiled now is compiled at each start.
# Nobody changes a source any more, so nobody needs to compare it with what was compiled.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/cnat

FROM ${PYTHON}
# The base image comes without compiled files, too: more than half of what a pass would cost.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash -x site-packages /usr/local/lib
COPY --from=build /opt/cnat /opt/cnat
# Numeric, so that the kubelet can tell that it isn't root. Any other uid does as well.
USER 65532:65532
ENTRYPOINT ["/opt/cnat/bin/python", "/opt/cnat/reconcile.py"]
