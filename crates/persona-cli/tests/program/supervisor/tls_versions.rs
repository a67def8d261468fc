//! Which versions of TLS and which protocols over it are served, and which are refused.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use persona_test_support::Authority;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, Error, ProtocolVersion, RootCertStore,
    StreamOwned, SupportedProtocolVersion,
};

use crate::common::{DEADLINE, Server};

/// Types of records (RFC 8446, section 5.1), and of the first message of a server.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
/// A fatal alert that the version is not served (RFC 8446, section 6.2).
const FATAL_PROTOCOL_VERSION: [u8; 2] = [2, 70];

/// A server that speaks TLS, and what its clients trust.
struct Place {
    _folder: tempfile::TempDir,
    authority: Authority,
    server: Server,
}

/// What client and server agreed on, and the first line of the answer.
struct Agreed {
    version: Option<ProtocolVersion>,
    protocol: Option<Vec<u8>>,
    first_line: String,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::new(folder.path());
        let pair = authority.issue("first");
        let server = Server::with_workers(1).encrypted(&authority, &pair).start();
        Self { _folder: folder, authority, server }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.address()).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        stream
    }

    /// Asks for the health of the server in this version, and offers these protocols.
    fn ask(
        &self,
        version: &'static SupportedProtocolVersion,
        protocols: &[&[u8]],
    ) -> std::io::Result<Agreed> {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(self.authority.certificate());
        roots.add(certificate.expect("a certificate")).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version of the library");
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let name = ServerName::try_from("localhost").expect("a name");
        let session = ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut stream = StreamOwned::new(session, self.connect());
        let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let protocol = stream.conn.alpn_protocol().map(<[u8]>::to_vec);
        let first_line = answer.lines().next().unwrap_or_default().to_owned();
        Ok(Agreed { version: stream.conn.protocol_version(), protocol, first_line })
    }

    /// The type and the bytes of the first record with which the server answers a hello.
    fn answer_to(&self, hello: &[u8]) -> (u8, Vec<u8>) {
        let mut stream = self.connect();
        stream.write_all(hello).expect("an open connection");
        let mut head = [0; 5];
        stream.read_exact(&mut head).expect("a record");
        let mut bytes = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut bytes).expect("a whole record");
        (head[0], bytes)
    }
}

fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("short");
    [&length.to_be_bytes(), bytes].concat()
}

/// The hello of a client of which the newest version is this one. It offers suites, a curve and a
/// signature that fit the certificate, so that the version alone decides. A client of TLS 1.3 names
/// its versions in an extension, so a hello can have that one too.
fn hello(newest: u16, named: Option<&[u16]>) -> Vec<u8> {
    // ECDHE-ECDSA with AES-128: with SHA for TLS 1.0 and 1.1, with GCM for TLS 1.2.
    let suites = with_length(&[0xc0, 0x09, 0xc0, 0x2b]);
    let curves = with_length(&[0, 23]);
    let signatures = with_length(&[4, 3]);
    let mut extensions = vec![(10_u16, curves), (11, vec![1, 0]), (13, signatures)];
    if let Some(named) = named {
        let list: Vec<u8> = named.iter().flat_map(|version| version.to_be_bytes()).collect();
        let length = u8::try_from(list.len()).expect("short");
        extensions.push((43, [&[length], &*list].concat()));
    }
    let extensions: Vec<u8> = extensions
        .into_iter()
        .flat_map(|(kind, bytes)| [&kind.to_be_bytes(), &*with_length(&bytes)].concat())
        .collect();
    let random = [7; 32];
    let no_session = [0];
    let no_compression = [1, 0];
    let version = newest.to_be_bytes();
    let extensions = with_length(&extensions);
    let parts = [&version[..], &random, &no_session, &suites, &no_compression, &extensions];
    let message = [&[1, 0], &*with_length(&parts.concat())].concat();
    [&[HANDSHAKE, 3, 1], &*with_length(&message)].concat()
}

#[test]
fn the_two_newest_versions_of_tls_are_served_and_older_ones_are_refused_with_an_alert() {
    let place = Place::new();
    for (version, agreed) in
        [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)]
    {
        let found = place.ask(version, &[]).expect("an answer");
        assert_eq!((found.version, &*found.first_line), (Some(agreed), "HTTP/1.1 200 OK"));
    }
    // SSL 3.0, TLS 1.0 and TLS 1.1, in both forms.
    for newest in [0x0300, 0x0301, 0x0302] {
        for old in [hello(newest, None), hello(0x0303, Some(&[newest]))] {
            let (kind, bytes) = place.answer_to(&old);
            assert_eq!((kind, &*bytes), (ALERT, &FATAL_PROTOCOL_VERSION[..]), "{newest:x}");
        }
    }
    // The control: the same hello of TLS 1.2 is answered.
    let (kind, bytes) = place.answer_to(&hello(0x0303, None));
    assert_eq!((kind, bytes.first()), (HANDSHAKE, Some(&SERVER_HELLO)), "{bytes:?}");
    let (kind, bytes) = place.answer_to(&hello(0x0303, Some(&[0x0302, 0x0303])));
    assert_eq!((kind, bytes.first()), (HANDSHAKE, Some(&SERVER_HELLO)), "{bytes:?}");
}

#[test]
fn the_protocol_over_tls_is_http_1_1_and_a_client_of_another_one_alone_is_refused() {
    let place = Place::new();
    for version in [&TLS12, &TLS13] {
        for (offered, agreed) in [
            (&[][..], None),
            (&[&b"http/1.1"[..]][..], Some(&b"http/1.1"[..])),
            (&[b"h2", b"http/1.1"], Some(b"http/1.1")),
        ] {
            let found = place.ask(version, offered).expect("an answer");
            let (protocol, line) = (found.protocol.as_deref(), &*found.first_line);
            assert_eq!((protocol, line), (agreed, "HTTP/1.1 200 OK"));
        }
        let refused = place.ask(version, &[b"h2"]).err().expect("no protocol in common");
        let refused = refused.get_ref().and_then(|error| error.downcast_ref::<Error>());
        let alert = Error::AlertReceived(AlertDescription::NoApplicationProtocol);
        assert_eq!(refused, Some(&alert));
    }
}
