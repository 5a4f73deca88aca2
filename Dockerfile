# One image for every part: digest web, digest worker, digest beat, or digest up for all in one.
FROM python:3.13-slim AS build
WORKDIR /source
RUN python -m venv /opt/digest
COPY constraints.txt pyproject.toml README.md ./
COPY digest digest
COPY workers workers
COPY templates templates
RUN /opt/digest/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /data digest
COPY --from=build /opt/digest /opt/digest
ENV PATH=/opt/digest/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1
USER digest
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["digest"]
# In a container the address of the machine itself is reached by nobody else.
CMD ["up", "--host", "0.0.0.0"]
