# Two images: `docker build .` builds the app, `--target nginx` the proxy in front of it, for docker-compose.yml.
# There is no "# syntax=" line: it would need a registry for each build.

# The release line that is tested. deploy/docker/README.md shows how to pin it to one image.
FROM node:24-bookworm-slim AS base
WORKDIR /app

# Production dependencies: exactly those of the lock file, without install scripts; npm's cache is not in the image. npm keeps
# TypeScript, 24 MB, as an optional peer of valibot, so it is deleted.
FROM base AS dependencies
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
    && rm -rf node_modules/typescript node_modules/.bin/tsc node_modules/.bin/tsserver

FROM base AS build
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm \
    npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build
COPY public public
COPY data data
# A checkout made with a strict umask has files that only their owner may read.
RUN chmod -R a+rX dist public data scripts

# public/ under hashed names that browsers may keep for a year, compressed once. nginx serves them.
FROM build AS assets
COPY deploy/nginx/assets.mjs deploy/nginx/
RUN node deploy/nginx/assets.mjs

# Debian's nginx with brotli, for which deploy/nginx is written. openssl generates a certificate if there is none.
FROM debian:bookworm-slim AS nginx
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
       nginx-light libnginx-mod-http-brotli-filter libnginx-mod-http-brotli-static openssl \
    && rm -rf /var/lib/apt/lists/* \
    # A tmpfs without a mode of its own, as a cluster may mount it, takes the one of the folder below it.
    && install --directory --mode=1777 /run /var/cache/nginx \
    # Docker collects the logs.
    && ln -sf /dev/stdout /var/log/nginx/access.log \
    && ln -sf /dev/stderr /var/log/nginx/error.log
COPY deploy/nginx/nginx.conf /etc/nginx/nginx.conf
COPY deploy/nginx/app /etc/nginx/app
COPY --from=assets /app/public /srv/app/current/public
COPY --from=assets /app/dist/public /srv/app/current/dist/public
COPY --chmod=0755 deploy/docker/nginx.sh /usr/local/bin/nginx.sh
# www-data
USER 33:33
EXPOSE 80 443
# SIGQUIT lets requests in flight end; SIGTERM would cut them.
STOPSIGNAL SIGQUIT
# Checks the redirect to HTTPS, which nginx sends itself: it does not fail when the app does.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --start-interval=1s CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/80 && printf 'GET / HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n' \"$DOMAIN\" >&3 && grep -q ' 308 ' <&3"]
CMD ["nginx.sh"]

# All files belong to root, so the process cannot change its own code. What changes least comes first, so that a new version is a
# small layer.
FROM base AS release
ENV NODE_ENV=production
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/scripts/build.mjs /app/scripts/hash-password.mjs scripts/
COPY --from=build /app/scripts/starter/console.mjs /app/scripts/starter/read-only-stores.mjs scripts/starter/
COPY --from=build /app/data data
COPY --from=build /app/public public
COPY --from=build /app/dist dist

# Node.js keeps what it compiled per version, user and path, and a container can't write it. Without settings the app loads
# all its code and exits with 78.
FROM release AS compiled
RUN install --directory --owner=1000 node_modules/.cache
USER 1000:1000
RUN node dist/server.js || [ $? -eq 78 ] \
    && chmod -R a+rX node_modules/.cache

# Last, so that it is what `docker build .` makes.
FROM release AS app
COPY --from=compiled --chown=0:0 /app/node_modules/.cache node_modules/.cache
LABEL org.opencontainers.image.title="app" \
      org.opencontainers.image.description="A production-ready Express 5 app" \
      org.opencontainers.image.licenses="MIT"
# The user "node", by number: Kubernetes' runAsNonRoot cannot check a name.
USER 1000:1000
EXPOSE 3000
# /readyz, because nginx waits for it before it sends traffic. It does not fail while Redis is away, so the app is not restarted
# for that; with READY_REQUIRES_REDIS=on use /livez here.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --start-interval=1s CMD ["node", "-e", \
    "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/readyz`).then((res) => process.exit(res.ok ? 0 : 1), () => process.exit(1))"]
# Node.js itself is process 1 and gets the signals: npm or a shell would not pass on SIGTERM.
# Without --disable-sigusr1, SIGUSR1 would open the inspector, which can run any code.
CMD ["node", "--disable-sigusr1", "dist/cluster.js"]
