# Varnish as a shared cache in front of the app's hosts, on plain HTTP behind whatever ends TLS. For 6.0 and later (7.1 tested).
# No subroutine ends early where it need not: after each of them Varnish's own (builtin.vcl) runs, which passes cookies,
# Authorization and odd methods, and stores nothing that says private or Set-Cookie.
vcl 4.1;

import directors;
import std;

# As HAProxy and Kubernetes ask. Two of the last three, one a second: out or back within two seconds.
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

# A host in the same network that does not answer a SYN within 2 s (one repetition) is gone. The first byte may take longer
# than the app's own deadline (REQUEST_TIMEOUT_SECONDS, 30), so that it is the app that says what took so long; and between
# two bytes there may be the heartbeat of an event stream (15). 200 requests at a time: more only make a Node process slower.
# Idle connections go after 60 s (varnishd's default), below the app's own KEEP_ALIVE_TIMEOUT_SECONDS (72).
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

# Who may say who the client is: the proxy that ends TLS.
acl proxies {
    "127.0.0.1";
    "::1";
}

# Who may purge: the app's hosts and whoever deploys.
acl purgers {
    "127.0.0.1";
    "::1";
}

sub vcl_init {
    new app = directors.round_robin();
    app.add_backend(app1);
    app.add_backend(app2);
}

sub vcl_recv {
    set req.backend_hint = app.backend();

    # Varnish has appended the address of the connection to X-Forwarded-For. What others than our proxy say in front of it
    # is a lie. The app runs with TRUST_PROXY=loopback, or with the addresses of this machine and of the proxy.
    if (client.ip !~ proxies) {
        set req.http.X-Forwarded-For = client.ip;
        unset req.http.X-Forwarded-Proto;
        unset req.http.X-Forwarded-Host;
        unset req.http.Forwarded;
    }

    # The id that follows a request. A client's own only in the app's strict shape: it is printed in logs and headers of
    # other systems.
    if (req.http.X-Request-Id !~ "^[A-Za-z0-9_-]{8,64}$") {
        set req.http.X-Request-Id = std.time2integer(now, 0) + "-" + req.xid + "-"
            + std.real2integer(std.random(0.0, 1000000000.0), 0);
    }

    # A comma says that the request came through a proxy: on the proxy's machine everybody would be allowed.
    if (req.method == "PURGE") {
        if (client.ip !~ purgers || req.http.X-Forwarded-For ~ ",") {
            return (synth(403, "Forbidden"));
        }
        return (purge);
    }

    # ?a=1&b=2 and ?b=2&a=1 are the same.
    set req.url = std.querysort(req.url);

    # Only a session makes an answer personal: cookies of analytics and the like would keep everything from the cache. One
    # that is taken for a session by mistake (any name that ends in sid) costs a request to the app; one overlooked would
    # be a leak. What is left goes past the cache by builtin.vcl.
    if (req.http.Cookie && req.http.Cookie !~ "(?i)sid\s*=") {
        unset req.http.Cookie;
    }

    # For how long after its time an answer may be sent while a new one is fetched: not long when that works, and as long as
    # there is one (beresp.grace below) when no host is well.
    if (std.healthy(req.backend_hint)) {
        set req.grace = 10s;
    }
}

sub vcl_backend_response {
    # 10 minutes to bring the app back in.
    set beresp.grace = 10m;

    # A new answer that is an error is thrown away, the old one stays.
    if (bereq.is_bgfetch && beresp.status >= 500) {
        return (abandon);
    }
    # Stored is what the app says may be stored. Left to itself Varnish keeps what says nothing for two minutes (default_ttl).
    # An answer that is not stored is remembered as such for as long (builtin.vcl does the same), so that requests for it go to
    # the app side by side, and do not wait for each other; an error for a second.
    if (beresp.http.Cache-Control !~ "(?i)max-?age\s*=") {
        set beresp.uncacheable = true;
        set beresp.ttl = 120s;
    }
    if (beresp.status >= 500) {
        set beresp.uncacheable = true;
        set beresp.ttl = 1s;
    }

    # The app runs with COMPRESSION=off. Stored once as gzip, and unpacked for the few who can't read it. No text/event-stream:
    # it would hold events back.
    if (beresp.http.Content-Type ~ "^(text/(html|css|csv|plain|javascript)|application/((problem\+)?json|javascript)|image/svg\+xml)") {
        set beresp.do_gzip = true;
    }
    # Each event at once.
    if (beresp.http.Content-Type ~ "^text/event-stream") {
        set beresp.do_stream = true;
        set beresp.uncacheable = true;
    }
}

sub vcl_backend_error {
    # The connection was refused, or broke: the next host, once, for what may be repeated.
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
    # HIT with a count, or MISS for what came from the app. (The app's own X-Cache told about its cache when this was stored.)
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT " + obj.hits;
    } else {
        set resp.http.X-Cache = "MISS";
    }
    # Not the id of whoever asked first.
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
