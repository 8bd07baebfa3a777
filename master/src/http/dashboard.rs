//! The dashboard: a page of plain HTML, CSS and modules, part of the binary. Anybody may load it,
//! since nothing of the mesh is in it; what it shows it asks for with the token.

use actix_web::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse, web};

use super::routes;

/// A page of this server, its own parts, and nothing of elsewhere: no script that stands in the
/// page, no frame around it, no form that leads away.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const JS: &str = "text/javascript; charset=utf-8";

/// A part of the page.
struct Asset {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! assets {
    ($($path:literal, $kind:expr, $file:literal;)+) => {
        [$(Asset { path: $path, kind: $kind, text: include_str!(concat!("dashboard/", $file)) }),+]
    };
}

const ASSETS: [Asset; 14] = assets! {
    "/", "text/html; charset=utf-8", "index.html";
    "/dashboard/app.css", "text/css; charset=utf-8", "app.css";
    "/dashboard/icon.svg", "image/svg+xml", "icon.svg";
    "/dashboard/api.js", JS, "api.js";
    "/dashboard/app.js", JS, "app.js";
    "/dashboard/dom.js", JS, "dom.js";
    "/dashboard/events.js", JS, "events.js";
    "/dashboard/format.js", JS, "format.js";
    "/dashboard/layout.js", JS, "layout.js";
    "/dashboard/picture.js", JS, "picture.js";
    "/dashboard/queues.js", JS, "queues.js";
    "/dashboard/spark.js", JS, "spark.js";
    "/dashboard/tables.js", JS, "tables.js";
    "/dashboard/theme.js", JS, "theme.js";
};

/// Whether that is a part of the page, which anybody may load.
pub(super) fn has(path: &str) -> bool {
    ASSETS.iter().any(|asset| asset.path == path)
}

pub(super) fn configure(app: &mut web::ServiceConfig) {
    for asset in &ASSETS {
        app.service(
            web::resource(asset.path)
                .route(web::get().to(serve))
                .route(web::head().to(serve))
                .default_service(web::to(routes::not_that_method)),
        );
    }
}

async fn serve(request: HttpRequest) -> HttpResponse {
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == request.path()) else {
        return routes::not_found().await;
    };
    HttpResponse::Ok()
        .content_type(asset.kind)
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(asset.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_that_is_named_is_there_and_nothing_is_of_elsewhere() {
        for asset in &ASSETS {
            let names = asset.text.split(['"', '\'']);
            for name in names.filter(|name| name.ends_with(".js") || name.ends_with(".css")) {
                let path = name.replacen("./", "/dashboard/", 1);
                assert!(has(&path), "{} names {name}", asset.path);
            }
            let elsewhere = asset.text.match_indices("://").map(|(at, _)| &asset.text[at - 5..]);
            let elsewhere: Vec<_> =
                elsewhere.filter(|text| !text.contains("//www.w3.org/")).collect();
            assert!(elsewhere.is_empty(), "{}: {elsewhere:?}", asset.path);
            assert!(!asset.text.contains("innerHTML"), "{} makes HTML of text", asset.path);
            assert!(!asset.text.contains("style=\""), "{}: the policy forbids it", asset.path);
        }
    }
}
