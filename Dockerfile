# The image as Airbyte runs it: the connector, its dependencies at the versions of constraints.txt, and nothing else.
ARG BASE_IMAGE=docker.io/airbyte/python-connector-base:4.1.0@sha256:1d1aa21d34e851df4e8a87b391c27724c06e2597608e7161f4d167be853bd7b6
# Where pip needs settings of its own (an index, a certificate): the base with these; nothing of it but the
# installed environment enters the image.
ARG BUILDER_IMAGE=${BASE_IMAGE}

FROM ${BUILDER_IMAGE} AS builder
USER root
WORKDIR /build
# The environment gets no pip of its own, since it is copied whole into the image.
RUN python -m venv --without-pip /opt/destination-intercom
COPY setup.py pyproject.toml constraints.txt README.md LICENSE ./
COPY destination-intercom/destination_intercom ./destination-intercom/destination_intercom
RUN python -m pip --python /opt/destination-intercom/bin/python install \
    --no-cache-dir --compile --disable-pip-version-check -c constraints.txt '.[s3]'
# The tests of dependencies never run here.
RUN find /opt/destination-intercom -type d -name tests -prune -exec rm -rf {} +

FROM ${BASE_IMAGE}
COPY --from=builder /opt/destination-intercom /opt/destination-intercom
USER airbyte
# Airbyte reads the messages from a pipe: none may wait in a buffer.
ENV PYTHONUNBUFFERED=1
ENV AIRBYTE_ENTRYPOINT="/opt/destination-intercom/bin/destination-intercom"
ENTRYPOINT ["/opt/destination-intercom/bin/destination-intercom"]
LABEL io.airbyte.name="destination-intercom" io.airbyte.version="0.1.0"
