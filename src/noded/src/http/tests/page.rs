use super::filled::{NASTY, serve_filled};
use super::*;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Elements that are closed, each with its attributes, as a parser that knows
/// no mercy finds them; void ones have no end.
fn elements(html: &str) -> Vec<(String, String)> {
    let void = ["meta", "link", "path", "!doctype"];
    let (mut found, mut open, mut rest) = (Vec::new(), Vec::new(), html);
    while let Some((_, tag)) = rest.split_once('<') {
        let (tag, after) = tag.split_once('>').expect("a tag has an end");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "</{name}> in its place");
            continue;
        }
        let (name, attributes) = tag.split_once([' ', '\n']).unwrap_or((tag, ""));
        assert_eq!(attributes.matches('"').count() % 2, 0, "quotes of <{tag}>");
        assert!(!name.is_empty() && !attributes.contains('<'), "<{tag}>");
        found.push((name.to_owned(), attributes.to_owned()));
        if matches!(name, "script" | "style") {
            let (_, after) = rest.split_once(&format!("</{name}>")).expect("its end");
            rest = after;
        } else if !void.contains(&name) {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, Vec::<String>::new(), "all are closed");
    found
}

#[test]
fn browsers_get_the_page_and_terminals_the_list() {
    let served = serve();
    let (head, page) = accepting(served.address, "/", BROWSER);
    assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
    assert!(page.starts_with("<!doctype html>"), "{page}");
    for accept in ["*/*", "text/plain"] {
        let (head, list) = accepting(served.address, "/", accept);
        assert!(head.contains("content-type: text/plain"), "{head}");
        assert!(head.contains("vary: accept"), "{head}");
        assert!(list.starts_with("nixl-noded\n"), "{list}");
    }
}

#[test]
fn it_is_well_formed_and_names_nobody_else() {
    for (served, _folder) in [(serve(), None), {
        let (served, folder) = serve_filled();
        (served, Some(folder))
    }] {
        let (_, page) = accepting(served.address, "/", BROWSER);
        for (name, attributes) in elements(&page) {
            assert!(!attributes.contains("style="), "CSP forbids it: {attributes}");
            assert!(!attributes.contains(" on"), "no inline handlers: {attributes}");
            for link in ["href=\"", "src=\"", "action=\""] {
                let Some((_, target)) = attributes.split_once(link) else { continue };
                let own = target.starts_with('/') && !target.starts_with("//");
                assert!(own || target.starts_with("data:,"), "<{name} {attributes}>");
            }
        }
        assert!(!page.contains("://"), "no other place is named");
        assert!(!page.contains("@import") && !page.contains("url("), "nor by the style");
    }
}

#[test]
fn only_its_own_script_and_style_run() {
    let served = serve();
    let nonce = |head: &str| {
        let (_, nonce) = head.split_once("script-src 'nonce-").unwrap();
        nonce.split_once('\'').unwrap().0.to_owned()
    };
    let (head, page) = accepting(served.address, "/", BROWSER);
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(head.contains(part), "{head}");
    }
    assert!(!head.contains("unsafe"), "{head}");
    assert_eq!(head.matches("content-security-policy").count(), 1, "{head}");
    let first = nonce(&head);
    assert!(page.contains(&format!("<script nonce=\"{first}\">")), "{first}");
    assert_ne!(nonce(&accepting(served.address, "/", BROWSER).0), first);
}

#[test]
fn what_others_call_themselves_is_text() {
    let (served, _folder) = serve_filled();
    for path in ["/", "/?part=main"] {
        let (_, page) = accepting(served.address, path, BROWSER);
        assert!(!page.contains("<script>alert"), "{path}");
        assert!(page.contains("&lt;script&gt;alert(&quot;i-2&quot;)&lt;"), "{path}");
        assert!(!page.contains(NASTY));
    }
}

#[test]
fn it_says_what_to_do_first_and_shows_everything() {
    let (served, _folder) = serve_filled();
    let (_, main) = accepting(served.address, "/?part=main", BROWSER);
    assert!(main.starts_with("<header"), "{main}");
    let places: Vec<usize> = [
        "i-0a1b2c3d4e5f60718",
        "<code>systemctl restart nixl-environment.service</code>",
        "link.latency_degraded</code>",
        " s ago: asked for it",
        "2 of 2",
        "Link to i-0f3c2b1a09e8d7c65",
        "class=\"p50\"",
        "8 of 8, driver 580.95.05",
        "Xid 13 ×2",
        "32 of 32 devices",
        "rdmap79s0",
        "p5.48xlarge in us-east-1a",
        "last words: provider aborts",
    ]
    .iter()
    .map(|text| {
        let text = text.replace('/', "&#x2f;").replace("<&#x2f;", "</");
        main.find(&text).unwrap_or_else(|| panic!("{text} is not in\n{main}"))
    })
    .collect();
    assert!(places.is_sorted(), "{places:?}");
}

/// `cargo test -p nixl-noded --lib for_eyes -- --ignored --nocapture`
#[test]
#[ignore = "serves until it is interrupted, for people to look at"]
fn for_eyes() {
    let (filled, _folder) = serve_filled();
    let empty = serve();
    println!("http://{} http://{}", filled.address, empty.address);
    loop {
        std::thread::park();
    }
}
