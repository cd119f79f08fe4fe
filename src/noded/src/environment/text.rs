//! Editing `/etc/environment`: our lines between two marks, the rest as found,
//! byte for byte.

const BEGIN: &[u8] = b"# nixl: begin";
const END: &[u8] = b"# nixl: end";

/// `before` with `line`, or several lines, between our marks, or without any of ours.
///
/// The block stays where it was, a new one goes last. A mark without its
/// partner is taken away alone: what follows it may belong to somebody else.
pub(super) fn edit(before: &[u8], line: Option<&str>) -> Vec<u8> {
    let lines: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut place = None;
    let mut index = 0;
    while index < lines.len() {
        if is(lines[index], BEGIN) {
            let rest = &lines[index + 1..];
            let stop = rest.iter().position(|line| is(line, BEGIN) || is(line, END));
            place.get_or_insert(kept.len());
            index += match stop {
                Some(stop) if is(rest[stop], END) => stop + 2,
                _ => 1,
            };
        } else {
            if !is(lines[index], END) {
                kept.push(lines[index]);
            }
            index += 1;
        }
    }
    let Some(line) = line else { return kept.concat() };
    let place = place.unwrap_or(kept.len());
    let mut after = kept[..place].concat();
    if after.last().is_some_and(|byte| *byte != b'\n') {
        after.push(b'\n');
    }
    for part in [BEGIN, line.as_bytes(), END] {
        after.extend_from_slice(part);
        after.push(b'\n');
    }
    after.extend(kept[place..].concat());
    after
}

fn is(line: &[u8], mark: &[u8]) -> bool {
    line.trim_ascii() == mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINE: &str = "MLFLOW_TRACKING_ARN=a";

    fn text(before: &str, line: Option<&str>) -> String {
        String::from_utf8(edit(before.as_bytes(), line)).unwrap()
    }

    #[test]
    fn an_old_value_is_replaced_in_its_place() {
        let before = "A=1\n# nixl: begin\nMLFLOW_TRACKING_ARN=old\n# nixl: end\nB=2\n";
        let after = text(before, Some(LINE));
        assert_eq!(after, format!("A=1\n# nixl: begin\n{LINE}\n# nixl: end\nB=2\n"));
    }

    #[test]
    fn a_mark_without_partner_takes_no_foreign_line_along() {
        assert_eq!(text("# nixl: begin\nA=1\n", None), "A=1\n");
        assert_eq!(text("A=1\n# nixl: end\nB=2\n", None), "A=1\nB=2\n");
        let two = "# nixl: begin\nA=1\n# nixl: begin\nX=y\n# nixl: end\nB=2";
        assert_eq!(text(two, None), "A=1\nB=2");
    }

    #[test]
    fn a_last_line_without_end_gets_one() {
        assert_eq!(text("A=1", Some("B=2")), "A=1\n# nixl: begin\nB=2\n# nixl: end\n");
        assert_eq!(text("", None), "");
    }

    fn lines() -> impl Strategy<Value = Vec<u8>> {
        let line = prop_oneof![
            Just(b"# nixl: begin\n".to_vec()),
            Just(b"# nixl: end\n".to_vec()),
            Just(b"  # nixl: end \n".to_vec()),
            prop::collection::vec(any::<u8>(), 0..12),
            "[A-Z]{1,3}=[a-z]{0,3}\n".prop_map(String::into_bytes),
        ];
        prop::collection::vec(line, 0..12).prop_map(|lines| lines.concat())
    }

    fn foreign(text: &[u8]) -> Vec<u8> {
        edit(text, None)
    }

    proptest! {
        #[test]
        fn a_second_run_changes_nothing(before in lines()) {
            let once = edit(&before, Some(LINE));
            prop_assert_eq!(edit(&once, Some(LINE)), once);
        }

        #[test]
        fn our_line_is_there_once_and_foreign_lines_stay(before in lines()) {
            let after = edit(&before, Some(LINE));
            let ours = format!("# nixl: begin\n{LINE}\n# nixl: end\n");
            let found = after.windows(ours.len()).filter(|window| *window == ours.as_bytes()).count();
            prop_assert_eq!(found, 1);
            let mut expected = foreign(&before);
            let kept = foreign(&after);
            if kept != expected {
                // Only an end of line may have been added before our block.
                expected.retain(|byte| *byte != b'\n');
                let mut kept = kept;
                kept.retain(|byte| *byte != b'\n');
                prop_assert_eq!(kept, expected);
            }
        }

        #[test]
        fn text_without_marks_is_kept_to_the_byte(before in "([A-Z]{1,4}=[ -~&&[^#]]{0,8}\n){0,6}") {
            let before = before.into_bytes();
            prop_assert_eq!(edit(&before, None), before.clone());
            prop_assert_eq!(edit(&edit(&before, Some(LINE)), None), before);
        }
    }
}
