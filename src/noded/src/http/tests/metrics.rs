use super::filled::serve_filled;
use super::*;

#[path = "../../../tests/promtool/mod.rs"]
mod promtool;

fn value<'a>(text: &'a str, sample: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))
}

#[test]
fn each_asker_gets_the_format_it_reads() {
    let served = serve();
    let open = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    let older = "content-type: text/plain; version=0.0.4; charset=utf-8";
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    for (accept, content_type) in [
        ("*/*", open),
        (prometheus, open),
        ("text/plain", older),
        ("text/html,application/xhtml+xml,*/*;q=0.8", older),
    ] {
        let (head, body) = accepting(served.address, "/metrics", accept);
        assert!(head.contains(content_type), "{accept}: {head}");
        assert_eq!(body.ends_with("\n# EOF\n"), content_type == open, "{accept}");
        assert_eq!(value(&body, "nixl_ready"), Some("0.0"), "{body}");
    }
}

#[test]
fn checks_and_reasons_are_numbers_with_labels() {
    let served = serve();
    let board = &served.shared.board;
    board.set(name::PEERS, Reading::good(1));
    board.set_all_paired(true);
    board.describe(|node| {
        node.phase = "paired".to_owned();
        node.rank = Some(1);
        node.peers = vec!["i-2".to_owned()];
        node.peers_expected = Some(1);
    });
    board.identify("i-\"1\"\n\\");
    board.set(name::LINK_LOST, Reading::bad(&reason::LINK_NOT_MEASURED, "x").about("i-2"));
    let (_, text) = accepting(served.address, "/metrics", "*/*");
    let node = r#"nixl_node_info{instance_id="i-\"1\"\n\\",cluster="",rank="1",role="",provider="",phase="paired"}"#;
    for (sample, expected) in [
        (node, "1"),
        ("nixl_ready", "1.0"),
        ("nixl_health_status", "1.0"),
        ("nixl_peers_paired", "1.0"),
        ("nixl_peers_expected", "1.0"),
        (r#"nixl_check_status{check="pairing:peers",id=""}"#, "0.0"),
        (r#"nixl_check_status{check="link:probesLost",id="i-2"}"#, "1.0"),
        (
            r#"nixl_reason{code="link.not_measured",check="link:probesLost",id="i-2",severity="warning",acknowledged="false"}"#,
            "1.0",
        ),
        ("nixl_samples_left_out", "0.0"),
    ] {
        assert_eq!(value(&text, sample), Some(expected), "{sample} in\n{text}");
    }
    board.acknowledge("link.not_measured", None, None).unwrap();
    let (_, text) = accepting(served.address, "/metrics", "*/*");
    assert!(text.contains(r#"severity="warning",acknowledged="true"} 1.0"#), "{text}");
}

#[test]
fn a_family_without_end_is_cut_and_said_to_be() {
    let served = serve();
    let readings = (0..3000).map(|id| Reading::good(1).about(id.to_string())).collect();
    served.shared.board.set_all(name::PEER, readings);
    let (_, text) = accepting(served.address, "/metrics", "*/*");
    assert_eq!(text.matches("\nnixl_check_status{").count(), 2048);
    assert_eq!(value(&text, "nixl_samples_left_out"), Some("953.0"), "3001 checks");
}

#[test]
fn promtool_has_no_complaint_about_any_family() {
    let Some(tool) = promtool::promtool() else { return };
    let (served, _folder) = serve_filled();
    let of = |accept| accepting(served.address, "/metrics", accept).1;
    promtool::judge(&tool, &of("text/plain"), &of("application/openmetrics-text"));
}

#[test]
fn no_url_is_told() {
    let (served, _folder) = serve_filled();
    let text = accepting(served.address, "/metrics", "text/plain").1;
    assert!(!text.contains("://"), "{text}");
}

#[test]
fn every_end_of_a_worker_is_counted_from_the_start() {
    let of = |served: &Served, kind: &str| {
        let text = accepting(served.address, "/metrics", "*/*").1;
        let sample = format!("nixl_worker_deaths_total{{worker=\"fabric\",kind=\"{kind}\"}}");
        value(&text, &sample).map(str::to_owned)
    };
    let (filled, _folder) = serve_filled();
    assert_eq!(of(&filled, "aborted").as_deref(), Some("1.0"));
    assert_eq!(of(&filled, "hung").as_deref(), Some("0.0"));
    assert_eq!(of(&serve(), "leaked").as_deref(), Some("0.0"));
}

#[test]
fn no_series_is_told_twice_and_only_what_begins_counts_as_an_event() {
    let (served, _folder) = serve_filled();
    for accept in ["text/plain", "application/openmetrics-text"] {
        let text = accepting(served.address, "/metrics", accept).1;
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let mut seen = std::collections::BTreeSet::new();
        for (series, _) in samples.filter_map(|line| line.rsplit_once(' ')) {
            assert!(seen.insert(series), "{series} is told twice");
        }
        let skew = "nixl_check_status{check=\"peer:skew\",id=\"i-0f3c2b1a09e8d7c65\"}";
        assert_eq!(value(&text, skew), Some("1.0"), "the worst of three");
        let slow = "nixl_reason_events_total{code=\"link.latency_degraded\"}";
        assert_eq!(value(&text, slow), Some("1.0"), "neither its end nor who has seen it");
        let paired = "nixl_link_paired{peer_id=\"i-0f3c2b1a09e8d7c65\"}";
        assert_eq!(value(&text, paired), Some("1.0"));
    }
}
