# Causerie in a container. README.md says how to use it, under "In a container".

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source

# Two environments, of exactly the files that are locked: one to build with, which stays behind, and
# one that goes into the image. As long as the locks are the same, these layers are. The base image's
# pip fills both: neither has one of its own.
COPY requirements/ requirements/
RUN python -m venv --without-pip /opt/build \
 && pip --python /opt/build install --no-compile --require-hashes -r requirements/build.txt
RUN python -m venv --without-pip /opt/causerie \
 && pip --python /opt/causerie install --require-hashes -r requirements/runtime.txt

# Node, for the web client, is among what Causerie is built with.
ENV PATH=/opt/build/bin:$PATH
COPY . .
RUN pip --python /opt/build wheel --no-build-isolation --no-deps --wheel-dir /opt/wheel . \
 && pip --python /opt/causerie install --no-index --no-deps /opt/wheel/*.whl \
 && mkdir /data


FROM python:3.13-slim
COPY --from=build /opt/causerie /opt/causerie
# Not root, and nobody whom the host knows. A volume takes over whose the folder is.
COPY --from=build --chown=10001:10001 /data /data
USER 10001:10001
ENV PATH=/opt/causerie/bin:$PATH \
    CAUSERIE_HOST=0.0.0.0 \
    CAUSERIE_PORT=8080 \
    CAUSERIE_DATA=/data
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['CAUSERIE_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
CMD ["causerie", "serve"]
