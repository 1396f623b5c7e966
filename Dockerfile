# The page and the HTTP API in a container; docs/deploy.md says how it is run.
FROM python:3.12-slim AS build
WORKDIR /build
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY tools tools
COPY src src
RUN python -m venv --without-pip /opt/music-emotion \
    && python -m pip --python /opt/music-emotion install --no-cache-dir '.[web,formats]'

FROM python:3.12-slim
COPY --from=build /opt/music-emotion /opt/music-emotion
ENV PATH=/opt/music-emotion/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Without a name or a home: nothing is written but uploads, which go to /tmp.
USER 65532:65532
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/api/health'); raise SystemExit(c.getresponse().status != 200)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["music-emotion", "serve", "--host", "0.0.0.0"]
CMD ["--log-format", "json"]
