use super::*;
use std::process::{Command, Stdio};

/// Runs what a session would run, without a terminal.
fn run(command: &[OsString]) -> (Vec<u8>, Vec<u8>, Option<u8>) {
    let line = document_command(command).unwrap();
    let told = Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).output().unwrap();
    let (mut out, mut err, mut code) = (Vec::new(), Vec::new(), None);
    for piece in Reader::default().read(&told.stdout) {
        match piece {
            Piece::Stdout(bytes) => out.extend(bytes),
            Piece::Stderr(bytes) => err.extend(bytes),
            Piece::Exit(exit) => code = Some(exit),
        }
    }
    (out, err, code)
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

#[test]
fn streams_and_code_come_back_apart_and_whole() {
    let script = "printf 'a\\0b\\r\\n'; printf 'wrong' >&2; exit 7";
    assert_eq!(
        run(&words(&["sh", "-c", script])),
        (b"a\0b\r\n".to_vec(), b"wrong".to_vec(), Some(7))
    );
    let (out, err, code) = run(&words(&["seq", "40000"]));
    assert_eq!(code, Some(0));
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), 40_000);
    assert!(err.is_empty());
}

#[test]
fn a_program_that_is_not_there_is_127_and_input_is_empty() {
    let (_, err, code) = run(&words(&["no-such-program-nixl"]));
    assert_eq!(code, Some(127));
    assert!(String::from_utf8_lossy(&err).contains("not found"), "{err:?}");
    assert_eq!(run(&words(&["cat"])), (vec![], vec![], Some(0)));
}

#[test]
fn more_than_ssm_takes_is_told() {
    let error = document_command(&words(&[&"x".repeat(60_000)])).unwrap_err();
    assert!(matches!(error, SessionError::TooLong { .. }), "{error}");
}

#[test]
fn what_comes_before_the_command_is_not_its_own() {
    let mut reader = Reader::default();
    let said = b"Welcome\r\nOaGk=\r\n@nixl\r\nOaGk=\r\nX0\r\n";
    assert_eq!(reader.read(said), [Piece::Stdout(b"hi".to_vec()), Piece::Exit(0)]);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(24))]

    #[test]
    fn arguments_arrive_as_given(arguments in proptest::collection::vec("[^\0]{0,12}", 1..5)) {
        let mut command = words(&["printf", "%s\\0"]);
        command.extend(arguments.iter().map(OsString::from));
        let (out, _, code) = run(&command);
        let expected: String = arguments.iter().map(|argument| format!("{argument}\0")).collect();
        proptest::prop_assert_eq!(code, Some(0));
        proptest::prop_assert_eq!(out, expected.into_bytes());
    }

    #[test]
    fn bytes_of_any_kind_are_quoted(bytes in proptest::collection::vec(1_u8.., 0..40)) {
        let argument = OsStr::from_bytes(&bytes).to_owned();
        let command = [OsString::from("printf"), OsString::from("%s"), argument];
        proptest::prop_assert_eq!(run(&command).0, bytes);
    }

    #[test]
    fn lines_are_read_however_they_are_cut(cut in 1_usize..20) {
        let said = b"@nixl\nOaGk=\nEeA==\nX3\n";
        let mut reader = Reader::default();
        let pieces: Vec<Piece> = said.chunks(cut).flat_map(|part| reader.read(part)).collect();
        proptest::prop_assert_eq!(pieces, [Piece::Stdout(b"hi".to_vec()), Piece::Stderr(b"x".to_vec()), Piece::Exit(3)]);
    }
}
