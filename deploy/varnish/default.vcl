# Varnish as a shared cache in front of the app's hosts, on plain HTTP behind the proxy that terminates TLS. For 6.0 and later
# (7.1 tested). After each subroutine that does not return, Varnish's own runs (builtin.vcl): it passes requests with cookies,
# Authorization or unusual methods to the app, and stores no response with private or Set-Cookie.
vcl 4.1;

import directors;
import std;

# The same check as HAProxy's and Kubernetes'. Two of the last three, one per second: out or back within two seconds.
probe ready {
    .request =
        "GET /readyz HTTP/1.1"
        "Host: example.com"
        "Connection: close";
    .interval = 1s;
    .timeout = 1s;
    .window = 3;
    .threshold = 2;
    .initial = 1;
}

# A host in the same network that does not reply to a SYN within 2 s (one repetition) is down. The first byte may take longer
# than the app's own deadline (REQUEST_TIMEOUT_SECONDS, 30), so that the app reports what timed out; the time between two bytes
# is above the heartbeat of event streams (15). 200 concurrent requests: more only make a Node process slower.
# Idle connections are closed after 60 s (varnishd's default), below the app's own KEEP_ALIVE_TIMEOUT_SECONDS (72).
backend app1 {
    .host = "127.0.0.1";
    .port = "3000";
    .probe = ready;
    .connect_timeout = 2s;
    .first_byte_timeout = 60s;
    .between_bytes_timeout = 60s;
    .max_connections = 200;
}

backend app2 {
    .host = "127.0.0.1";
    .port = "3001";
    .probe = ready;
    .connect_timeout = 2s;
    .first_byte_timeout = 60s;
    .between_bytes_timeout = 60s;
    .max_connections = 200;
}

# WebSockets: each occupies its connection for as long as it is open, and with max_connections there would be none left for
# requests. The app limits them (MAX_WEBSOCKETS).
backend app1_websockets {
    .host = "127.0.0.1";
    .port = "3000";
    .probe = ready;
    .connect_timeout = 2s;
}

backend app2_websockets {
    .host = "127.0.0.1";
    .port = "3001";
    .probe = ready;
    .connect_timeout = 2s;
}

# Whose X-Forwarded-For is trusted: the proxy that terminates TLS.
acl proxies {
    "127.0.0.1";
    "::1";
}

# Who may purge: the app's hosts and the machine that deploys.
acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_init {
    new app = directors.round_robin();
    app.add_backend(app1);
    app.add_backend(app2);
    new websockets = directors.round_robin();
    websockets.add_backend(app1_websockets);
    websockets.add_backend(app2_websockets);
}

sub vcl_recv {
    set req.backend_hint = app.backend();

    # Varnish has appended the address of the connection to X-Forwarded-For. Only our proxy's values in front of it are
    # trusted. The app runs with TRUST_PROXY=loopback, or with the addresses of this machine and of the proxy.
    if (client.ip !~ proxies) {
        set req.http.X-Forwarded-For = client.ip;
        unset req.http.X-Forwarded-Proto;
        unset req.http.X-Forwarded-Host;
        unset req.http.Forwarded;
    }

    # The request's id. A client's own id is used only in the app's strict format, because it is printed in logs and headers
    # of other systems.
    if (req.http.X-Request-Id !~ "^[A-Za-z0-9_-]{8,64}$") {
        set req.http.X-Request-Id = std.time2integer(now, 0) + "-" + req.xid + "-"
            + std.real2integer(std.random(0.0, 1000000000.0), 0);
    }

    # A comma means that the request came through a proxy: on the proxy's machine every client would be permitted.
    if (req.method == "PURGE") {
        if (client.ip !~ purgers || req.http.X-Forwarded-For ~ ",") {
            return (synth(403, "Forbidden"));
        }
        return (purge);
    }

    # Bytes go both ways until one side closes, or both are silent for pipe_timeout (varnishd's default: 60 s).
    if (req.http.Upgrade ~ "(?i)^websocket$") {
        set req.backend_hint = websockets.backend();
        return (pipe);
    }

    # ?a=1&b=2 and ?b=2&a=1 are the same.
    set req.url = std.querysort(req.url);

    # Only a session makes a response personal: with the cookies of analytics and the like nothing would be cached. A false
    # match (any name that ends in sid) costs a request to the app; a missed one would leak a response. For the cookies
    # that are left, builtin.vcl bypasses the cache.
    if (req.http.Cookie && req.http.Cookie !~ "(?i)sid\s*=") {
        unset req.http.Cookie;
    }

    # How long a stale response may be sent while a new one is fetched: 10 s if a host is healthy, else as long as it is
    # stored (beresp.grace below).
    if (std.healthy(req.backend_hint)) {
        set req.grace = 10s;
    }
}

sub vcl_pipe {
    # Varnish removes both, because they are for one connection only.
    if (req.http.Upgrade) {
        set bereq.http.Upgrade = req.http.Upgrade;
        set bereq.http.Connection = req.http.Connection;
    }
}

sub vcl_backend_response {
    # 10 minutes to bring the app back.
    set beresp.grace = 10m;

    # If the new response is an error, the old one stays.
    if (bereq.is_bgfetch && beresp.status >= 500) {
        return (abandon);
    }
    # Only responses that the app marks are stored. By default Varnish stores unmarked ones for two minutes (default_ttl). That a
    # response is not stored is remembered for the same time (as in builtin.vcl), so that requests for it go to the app in
    # parallel and do not wait for each other; for an error it is a second.
    if (beresp.http.Cache-Control !~ "(?i)max-?age\s*=") {
        set beresp.uncacheable = true;
        set beresp.ttl = 120s;
    }
    if (beresp.status >= 500) {
        set beresp.uncacheable = true;
        set beresp.ttl = 1s;
    }

    # The app runs with COMPRESSION=off. Stored once as gzip, and unpacked for the few clients without it. No
    # text/event-stream: compression would delay events.
    if (beresp.http.Content-Type ~ "^(text/(html|css|csv|plain|javascript)|application/((problem\+)?json|javascript)|image/svg\+xml)") {
        set beresp.do_gzip = true;
    }
    # Send each event at once.
    if (beresp.http.Content-Type ~ "^text/event-stream") {
        set beresp.do_stream = true;
        set beresp.uncacheable = true;
    }
}

sub vcl_backend_error {
    # The connection was refused, or broke: try the next host, once, if the request may be repeated.
    if (bereq.retries == 0 && (bereq.method == "GET" || bereq.method == "HEAD")) {
        return (retry);
    }
    # In place of Varnish's own page. 10 s: the app is back from a restart within seconds.
    set beresp.http.Content-Type = "application/problem+json";
    set beresp.http.Cache-Control = "no-store";
    set beresp.http.Retry-After = "10";
    set beresp.body = std.fileread("/etc/varnish/pages/away.json");
    if (bereq.http.Accept ~ "(?i)text/html") {
        set beresp.http.Content-Type = "text/html; charset=utf-8";
        set beresp.body = std.fileread("/etc/varnish/pages/away.html");
    }
    return (deliver);
}

sub vcl_deliver {
    # HIT with a count, or MISS. Replaces the app's X-Cache, which is from the time when this was stored.
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT " + obj.hits;
    } else {
        set resp.http.X-Cache = "MISS";
    }
    # Not the id of the request that stored it.
    set resp.http.X-Request-Id = req.http.X-Request-Id;
    unset resp.http.Via;
    unset resp.http.X-Varnish;
}

sub vcl_synth {
    # "Purged" or "Forbidden", in place of Varnish's own page.
    set resp.http.Content-Type = "text/plain; charset=utf-8";
    set resp.http.Cache-Control = "no-store";
    set resp.http.X-Request-Id = req.http.X-Request-Id;
    set resp.body = resp.reason;
    return (deliver);
}
