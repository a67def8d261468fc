//! The files of the studio, and the headers that they are served with.

use std::sync::LazyLock;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

// What joins and shortens modules while the program is built has its tests here: those of a program
// that is run by cargo are never run.
#[cfg(test)]
#[path = "../../build/join.rs"]
mod join;
#[cfg(test)]
#[path = "../../build/names.rs"]
mod names;
#[cfg(test)]
#[path = "../../build/shorten.rs"]
mod shorten;

/// A file of the studio, uncompressed and compressed.
struct File {
    /// The folder and the name of the file.
    path: &'static str,
    plain: &'static [u8],
    gzip: &'static [u8],
}

const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/studio_files.rs"));
const INDEX: &str = include_str!(env!("STUDIO_INDEX"));

/// Places in the page for the address of the files and for the list of its modules.
const VERSION_PLACE: &str = "{version}";
const MODULES_PLACE: &str = "<!-- modules -->";

/// What the page may load and do (Content Security Policy, level 3): only files of this server.
/// Inline scripts and styles are forbidden, and no other page may frame it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// The address of a file contains a hash of the content, so a browser never needs to revalidate it.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The page with the addresses of its files, made at the first use.
struct Page {
    /// The first hexadecimal digits of a SHA-256 over all files.
    version: String,
    tag: HeaderValue,
    html: String,
}

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let mut hash = Sha256::new().chain_update(INDEX);
    for file in FILES {
        hash.update(file.path);
        hash.update(file.plain);
    }
    let first = hash.finalize().iter().take(8).fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    let version = format!("{first:016x}");
    let modules = FILES.iter().filter(|file| ending(file) == "js").map(|file| {
        format!("<link rel=\"modulepreload\" href=\"studio/{VERSION_PLACE}/{}\">\n", file.path)
    });
    let html = INDEX
        .replace(MODULES_PLACE, modules.collect::<String>().trim_end())
        .replace(VERSION_PLACE, &version);
    let tag = HeaderValue::try_from(format!("\"studio-{version}\"")).expect("digits are ASCII");
    Page { version, tag, html }
});

/// Answers with the page.
pub(crate) fn page(headers: &HeaderMap) -> Response {
    let page = &*PAGE;
    let has_it = headers.get_all(IF_NONE_MATCH).iter().any(|tags| {
        let mut tags = tags.to_str().unwrap_or_default().split(',').map(str::trim);
        tags.any(|tag| tag.trim_start_matches("W/") == page.tag)
    });
    let mut response = if has_it {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        ([(CONTENT_TYPE, html)], page.html.as_str()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, page.tag.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("Accept"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// The answer with the file at a path; `None` where this version has no such file.
pub(super) fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let name = path.strip_prefix("/studio/")?.strip_prefix(&PAGE.version)?.strip_prefix('/')?;
    let file = FILES.iter().find(|file| file.path == name)?;
    let media_type = match ending(file) {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        _ => "image/svg+xml",
    };
    let is_gzip_taken =
        headers.get_all(ACCEPT_ENCODING).iter().any(|value| value.to_str().is_ok_and(takes_gzip));
    let mut response =
        Response::new(Body::from(if is_gzip_taken { file.gzip } else { file.plain }));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, FOR_EVER);
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    if is_gzip_taken {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}

/// The extension of a file name.
fn ending(file: &File) -> &'static str {
    file.path.rsplit('.').next().unwrap_or_default()
}

/// Whether `Accept-Encoding` lists gzip with a weight above zero (RFC 9110, section 12.5.3).
fn takes_gzip(list: &str) -> bool {
    list.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1").trim();
        name.trim().eq_ignore_ascii_case("gzip") && weight.parse::<f32>().is_ok_and(|q| q > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::{FILES, INDEX, MODULES_PLACE, PAGE, VERSION_PLACE, ending, takes_gzip};

    /// Most bytes of all scripts, compressed; a user on a slow line waits for them.
    const SCRIPT_BYTES_MAX: usize = 70_000;
    const STYLE_BYTES_MAX: usize = 15_000;
    /// Most files: each is a request at the first visit.
    const FILES_MAX: usize = 12;

    fn compressed(wanted: &str) -> usize {
        FILES.iter().filter(|file| ending(file) == wanted).map(|file| file.gzip.len()).sum()
    }

    #[test]
    fn scripts_and_styles_are_within_their_budgets() {
        let (scripts, styles) = (compressed("js"), compressed("css"));
        assert!((1..=SCRIPT_BYTES_MAX).contains(&scripts), "{scripts} bytes of scripts");
        assert!((1..=STYLE_BYTES_MAX).contains(&styles), "{styles} bytes of styles");
        assert!(FILES.len() <= FILES_MAX, "{} files", FILES.len());
    }

    #[test]
    fn the_page_names_its_files_and_has_no_script_or_style_of_its_own() {
        assert!(INDEX.contains(MODULES_PLACE) && INDEX.contains(VERSION_PLACE));
        let html = &PAGE.html;
        assert!(!html.contains(VERSION_PLACE) && !html.contains(MODULES_PLACE), "{html}");
        assert!(!html.contains("://") && !html.contains("<style") && !html.contains(" style="));
        assert_eq!(
            html.matches("<script").count(),
            html.matches("<script type=\"module\" src=").count()
        );
        let start = format!("studio/{}/", PAGE.version);
        for link in html.split('"').filter_map(|part| part.strip_prefix(&start)) {
            assert!(FILES.iter().any(|file| file.path == link), "{link}");
        }
    }

    /// All modules, as one.
    fn modules() -> &'static str {
        let mut found = FILES.iter().filter(|file| file.path.starts_with("app/"));
        let file = found.find(|file| ending(file) == "js").expect("the modules");
        std::str::from_utf8(file.plain).expect("UTF-8")
    }

    #[test]
    fn every_import_of_the_modules_leads_to_a_file() {
        let imports: Vec<_> =
            modules().split("}from'").skip(1).filter_map(|rest| rest.split('\'').next()).collect();
        assert!(!imports.is_empty());
        for import in imports {
            let target = import.strip_prefix("../").unwrap_or(import);
            assert!(FILES.iter().any(|file| file.path == target), "{import}");
        }
    }

    #[test]
    fn nothing_is_left_to_shorten() {
        assert_eq!(super::shorten::shorten(modules()), modules());
    }

    #[test]
    fn gzip_is_sent_only_where_it_is_taken() {
        for list in ["gzip", "br, gzip, zstd", "deflate, GZIP;q=0.5"] {
            assert!(takes_gzip(list), "{list}");
        }
        for list in ["", "br", "gzip;q=0", "gzip; q=0.0", "xgzip"] {
            assert!(!takes_gzip(list), "{list}");
        }
    }
}
