//! Takes what may be secret out of a line that a program printed.
//!
//! User data handles tokens, and `set -x` prints them; a health page is read by
//! many. What is hidden too much can be read in the log itself.

/// What a word that names a secret has in it.
const NAMES: [&str; 10] = [
    "pass",
    "pwd",
    "secret",
    "token",
    "credential",
    "key",
    "authorization",
    "signature",
    "identified",
    "cookie",
];
/// Of HTTP's Authorization, before the secret.
const SCHEMES: [&str; 3] = ["basic", "bearer", "digest"];
/// What may stand between a name and its value.
const JOINERS: [&str; 8] = ["=", ":", "=>", "->", "is", "was", "by", "to"];
/// Begins of tokens that give themselves away.
const PREFIXES: [&str; 7] = ["eyJ", "AKIA", "ASIA", "ghp_", "github_pat_", "glpat-", "hf_"];
/// A run of mixed letters and digits of so many characters is no word.
const RANDOM_CHARS: usize = 20;
const HIDDEN: &str = "…";

/// What becomes of the next word.
#[derive(Clone, Copy)]
enum Next {
    Shown,
    Hidden,
    /// Up to the word with the closing quote.
    HiddenTo(char),
}

/// The line without secrets, its words with one space between.
pub fn hide(line: &str) -> String {
    if let Some(command) = traced(line.trim()) {
        return command;
    }
    // A list of arguments, as Python prints it, or JSON.
    let spaced = line.replace("','", "', '").replace("\",\"", "\", \"");
    let mut next = Next::Shown;
    let words: Vec<String> = spaced.split_whitespace().map(|word| shown(word, &mut next)).collect();
    words.join(" ")
}

/// Of a command that the shell's `set -x` printed, the program: any of its
/// arguments may be a secret.
fn traced(line: &str) -> Option<String> {
    let command = line.trim_start_matches('+');
    if command.len() == line.len() || !command.starts_with(char::is_whitespace) {
        return None;
    }
    let (first, rest) = command
        .trim_start()
        .split_once(char::is_whitespace)
        .map_or_else(|| (command.trim_start(), ""), |(first, rest)| (first, rest));
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-[".contains(c);
    let program = match first.split_once('=') {
        Some((variable, _)) if variable.chars().all(plain) => format!("{variable}={HIDDEN}"),
        None if first.chars().all(plain) && !random(first) => first.to_owned(),
        _ => HIDDEN.to_owned(),
    };
    let more = if rest.is_empty() { "" } else { " …" };
    Some(format!("+ {program}{more}"))
}

fn shown(word: &str, next: &mut Next) -> String {
    let lower = word.to_ascii_lowercase();
    let bare = lower.trim_matches(|c: char| "'\"[](){},;".contains(c));
    let scheme = SCHEMES.contains(&head(bare));
    match std::mem::replace(next, Next::Shown) {
        Next::HiddenTo(quote) => {
            if !word.contains(quote) {
                *next = Next::HiddenTo(quote);
            }
            return HIDDEN.to_owned();
        }
        Next::Hidden if !scheme => {
            if JOINERS.contains(&bare) {
                *next = Next::Hidden;
                return word.to_owned();
            }
            *next = after(word);
            return HIDDEN.to_owned();
        }
        Next::Hidden | Next::Shown => {}
    }
    let before_url = lower.find("://").map_or(&lower[..], |at| &lower[..at]);
    if names_secret(before_url) {
        return named(word, next);
    }
    if let Some(flag) = ["-u", "-p"].iter().find(|flag| bare.starts_with(**flag)) {
        let at = lower.find(flag).unwrap_or_default() + flag.len();
        let value = word[at..].trim_start_matches(['=', ':']);
        if value.chars().all(|c| c.is_ascii_punctuation()) {
            *next = Next::Hidden;
            return word.to_owned();
        }
        *next = after(value);
        return format!("{}{HIDDEN}", &word[..at]);
    }
    let shown = match word.find("://") {
        Some(at) => url(word, at + 3),
        None => word.to_owned(),
    };
    if random(&shown) { HIDDEN.to_owned() } else { shown }
}

/// Up to what may separate it from its value.
fn head(bare: &str) -> &str {
    bare.split(['=', ':']).next().unwrap_or_default()
}

/// Words like `--user` and `password`.
fn names_secret(lower: &str) -> bool {
    let bare = lower.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let flag = lower.trim_start_matches(|c: char| "'\"[({".contains(c)).starts_with("--");
    NAMES.iter().any(|name| lower.contains(name))
        || bare.ends_with("auth")
        || SCHEMES.contains(&head(bare))
        || (flag && lower.contains("user"))
}

/// Such a word, with its value in it or in the next.
fn named(word: &str, next: &mut Next) -> String {
    let Some(at) = word.find(['=', ':', '(', ',']) else {
        *next = Next::Hidden;
        return word.to_owned();
    };
    let value = &word[at + 1..];
    let lower = value.to_ascii_lowercase();
    let goes_on = value.is_empty()
        || value.ends_with([':', '='])
        || SCHEMES.iter().any(|scheme| lower.ends_with(scheme))
        || names_secret(&lower);
    *next = if goes_on { Next::Hidden } else { after(value) };
    if value.is_empty() { word.to_owned() } else { format!("{}{HIDDEN}", &word[..=at]) }
}

/// What a hidden value that opens a quote hides further.
fn after(value: &str) -> Next {
    match value.chars().next() {
        Some(quote @ ('\'' | '"')) if !value[1..].contains(quote) => Next::HiddenTo(quote),
        _ => Next::Shown,
    }
}

/// Without who logs in, and without a query, which may be signed.
fn url(word: &str, host: usize) -> String {
    let (scheme, rest) = word.split_at(host);
    let (user, rest) = match rest.rfind('@') {
        Some(at) => ("…@", &rest[at + 1..]),
        None => ("", rest),
    };
    match rest.find(['?', '#']) {
        Some(at) => format!("{scheme}{user}{}{HIDDEN}", &rest[..=at]),
        None => format!("{scheme}{user}{rest}"),
    }
}

/// Whether it has what looks like a token in it.
fn random(word: &str) -> bool {
    let mixed = |run: &str| {
        run.len() >= RANDOM_CHARS
            && run.contains(|c: char| c.is_ascii_uppercase())
            && run.contains(|c: char| c.is_ascii_lowercase())
            && run.contains(|c: char| c.is_ascii_digit())
    };
    PREFIXES.iter().any(|prefix| word.contains(prefix))
        || word.split(|c: char| !c.is_ascii_alphanumeric()).any(mixed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINES: [(&str, &str); 27] = [
        ("+ aws configure set aws_secret_access_key hunter2", "+ aws …"),
        ("++ curl -u user:hunter2 https://host/x", "+ curl …"),
        ("+ PASSWORD=hunter2", "+ PASSWORD=…"),
        ("+ 'hunter2 x' y", "+ … …"),
        ("+ true", "+ true"),
        (
            "aws configure set aws_secret_access_key hunter2",
            "aws configure set aws_secret_access_key …",
        ),
        ("docker login -u AWS -p hunter2 host", "docker login -u … -p … host"),
        ("mysql -phunter2 db", "mysql -p… db"),
        ("mysql -p'hunter2 hunter2' db", "mysql -p… … db"),
        ("curl -u user:hunter2 https://host/x", "curl -u … https://host/x"),
        ("curl --user 'user:hunter2 and hunter2' x", "curl --user … … … x"),
        ("curl --user=user:hunter2 x", "curl --user=… x"),
        ("-H 'Authorization: Basic hunter2' x", "-H 'Authorization: Basic … x"),
        ("Authorization: hunter2", "Authorization: …"),
        ("authorization:Bearer hunter2", "authorization:… …"),
        ("www-authenticate basic hunter2 x", "www-authenticate basic … x"),
        ("https://oauth2:hunter2@host/x", "https://…@host/x"),
        ("https://hunter2@host/x?sig=hunter2 y", "https://…@host/x?… y"),
        ("https://u:hunter2/hunter2@host:8/x.", "https://…@host:8/x."),
        ("the password is hunter2 now", "the password is … now"),
        ("password = hunter2 now", "password = … now"),
        ("export password=\"hunter2 hunter2\" now", "export password=… … now"),
        ("{\"user\":\"x\",\"password\":\"hunter2\"}", "{\"user\":\"x\", \"password\":…"),
        ("Command: ['docker','login','-p','hunter2']", "Command: ['docker', 'login', '-p', …"),
        ("IDENTIFIED BY 'hunter2'", "IDENTIFIED BY …"),
        ("fatal: wJalrXUtnFEMIK7MDENGbPxRfiCYEX not found", "fatal: … not found"),
        ("got eyJhbGciOi.e30 instead", "got … instead"),
    ];

    #[test]
    fn secrets_are_hidden_and_the_rest_is_shown() {
        for (line, expected) in LINES {
            assert_eq!(hide(line), expected, "{line}");
        }
    }

    #[test]
    fn what_failed_stays_readable() {
        for line in [
            "/var/lib/cloud/instance/scripts/part-001: line 2: nvidia-smu: command not found",
            "E: Unable to locate package libfabric1-nvidia",
            "curl: (22) The requested URL returned error: 404",
            "NVIDIA-Linux-x86_64-570.86.15.run: No such file or directory",
        ] {
            assert_eq!(hide(line), line);
        }
    }

    proptest! {
        #[test]
        fn no_named_secret_gets_through(
            name in "(password|--token|-p|-u|--user|basic|Bearer|AWS_SECRET_ACCESS_KEY)([=:]? |[=:])",
            before in "\\PC{0,40}",
            quote in "['\"]?",
        ) {
            let line = format!("{before} {name}{quote}hunter2hunter2{quote} after");
            prop_assert!(!hide(&line).contains("hunter2"), "{}", hide(&line));
        }
    }
}
