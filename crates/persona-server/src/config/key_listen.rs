//! The settings of how clients come in: the first part of the table of settings.

use super::key::CONNECTIONS_MAX;
use super::value_kind::{Default, Key, PLAIN, ValueKind};

/// The settings of sockets, certificates, proxies and connections.
pub const LISTEN: &[Key] = &[
    Key {
        name: "host",
        section: "listen",
        member: "host",
        shape: ValueKind::Address,
        default: Default::Text("127.0.0.1"),
        help: "Address to listen on.",
        ..PLAIN
    },
    Key {
        name: "port",
        section: "listen",
        member: "port",
        aliases: &["PORT"],
        shape: ValueKind::Number { min: 0, max: 65_535 },
        default: Default::Text("8000"),
        help: "TCP port to listen on; 0 lets the system choose one.",
        ..PLAIN
    },
    Key {
        name: "uds",
        section: "listen",
        member: "uds",
        help: "Path of a unix socket to listen on, in place of TCP unless host or port is set as \
               well.",
        ..PLAIN
    },
    Key {
        name: "uds_mode",
        section: "listen",
        member: "uds_mode",
        shape: ValueKind::Mode,
        default: Default::Text("600"),
        help: "Rights of the unix socket: 600 lets its owner connect, 660 its group too, 666 \
               everyone on this machine.",
        ..PLAIN
    },
    Key {
        name: "uds_group",
        section: "listen",
        member: "uds_group",
        shape: ValueKind::Group,
        help: "Group of the unix socket; that of the process when not set.",
        ..PLAIN
    },
    Key {
        name: "fd",
        section: "listen",
        member: "fd",
        shape: ValueKind::Descriptor,
        help: "Descriptor of a socket that the parent process listens on, to be served in place \
               of TCP; those of systemd (LISTEN_FDS) are found by themselves.",
        ..PLAIN
    },
    Key {
        name: "allow_open",
        section: "listen",
        member: "allow_open",
        shape: ValueKind::Switch,
        default: Default::Text("false"),
        help: "Permits a host that is not loopback while there is no access token: everyone who \
               can reach the port is served, without authentication.",
        ..PLAIN
    },
    Key {
        name: "open_monitoring",
        section: "listen",
        member: "open_monitoring",
        shape: ValueKind::Switch,
        default: Default::Text("false"),
        help: "Answers /metrics and /api/v1/status without an access token, also where other \
               requests need one.",
        ..PLAIN
    },
    Key {
        name: "protected_labels",
        section: "listen",
        member: "protected_labels",
        shape: ValueKind::Labels,
        help: "Labels that only a token of the scope admin moves, such as production,staging; \
               none when not set.",
        ..PLAIN
    },
    Key {
        name: "trusted_proxies",
        section: "listen",
        member: "trusted_proxies",
        aliases: &["FORWARDED_ALLOW_IPS"],
        flag_aliases: &["forwarded-allow-ips"],
        shape: ValueKind::Networks,
        default: Default::Text("127.0.0.0/8,::1,unix"),
        help: "Proxies that are trusted to name the client in Forwarded or X-Forwarded-For: \
               addresses and ranges, unix for those on the unix socket, none, or * for all.",
        ..PLAIN
    },
    Key {
        name: "allowed_hosts",
        section: "listen",
        member: "allowed_hosts",
        shape: ValueKind::Hosts,
        help: "Hosts that requests may name besides those of loopback, such as the name of a \
               proxy, or any; when not set, any where host is not loopback, else none.",
        ..PLAIN
    },
    Key {
        name: "cors_origins",
        section: "listen",
        member: "cors_origins",
        flag_aliases: &["cors-origin"],
        shape: ValueKind::Origins,
        help: "Origins whose pages may use the server in a browser, such as https://app.example; \
               with * any page may read, and may write only with a token. None when not set.",
        ..PLAIN
    },
    Key {
        name: "root_path",
        section: "listen",
        member: "root_path",
        shape: ValueKind::UrlPath,
        help: "What a proxy has in front of every path, such as /personas: it is part of Location \
               and of the OpenAPI document, and taken off paths that have it.",
        ..PLAIN
    },
    Key {
        name: "connections_max",
        section: "listen",
        member: "connections_max",
        shape: ValueKind::Number { min: 8, max: CONNECTIONS_MAX },
        default: Default::Text("1024"),
        unit: Some("connections"),
        help: "Most connections of each worker; when all are taken, an idle one is closed for \
               each new one.",
        ..PLAIN
    },
    Key {
        name: "connections_share",
        section: "listen",
        member: "connections_share",
        shape: ValueKind::Number { min: 1, max: 100 },
        default: Default::Text("50"),
        unit: Some("percent"),
        help: "Part of these connections that one client may hold while other clients wait; \
               trusted proxies may hold all.",
        ..PLAIN
    },
    Key {
        name: "event_streams_max",
        section: "listen",
        member: "event_streams_max",
        shape: ValueKind::Number { min: 1, max: CONNECTIONS_MAX },
        default: Default::Text("768"),
        unit: Some("connections"),
        help: "Most clients that follow events on each worker; a quarter of its connections is \
               left to other requests in any case.",
        ..PLAIN
    },
    Key {
        name: "event_streams_per_client",
        section: "listen",
        member: "event_streams_per_client",
        shape: ValueKind::Number { min: 1, max: CONNECTIONS_MAX },
        default: Default::Text("64"),
        unit: Some("connections"),
        help: "Most of these that one client, by its token or else its address, may have on each worker.",
        ..PLAIN
    },
    Key {
        name: "idle_timeout",
        section: "listen",
        member: "idle_timeout",
        shape: ValueKind::Time { min_seconds: 1, max_seconds: 86_400 },
        default: Default::Text("75s"),
        help: "How long a connection may wait for its next request; set it longer than the idle \
               time of a load balancer, mostly 60s.",
        ..PLAIN
    },
    Key {
        name: "expose_worker",
        section: "listen",
        member: "expose_worker",
        shape: ValueKind::Switch,
        default: Default::Text("false"),
        help: "Names the worker and its timing in every answer (X-Persona-Worker, Server-Timing).",
        ..PLAIN
    },
    Key {
        name: "tls_cert",
        section: "tls",
        member: "cert",
        flag_aliases: &["ssl-certfile"],
        help: "Certificate of the server and those of its authorities, in PEM form; connections \
               are encrypted then. Read again on HUP and when the file changes.",
        ..PLAIN
    },
    Key {
        name: "tls_key",
        section: "tls",
        member: "key",
        flag_aliases: &["ssl-keyfile"],
        help: "Private key of the certificate, in PEM form and without a passphrase, readable by \
               its owner only.",
        ..PLAIN
    },
];
