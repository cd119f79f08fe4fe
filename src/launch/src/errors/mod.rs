//! What an error means to a launch or a removal: a table, not code.
//! The code decides, never the HTTP status: EC2 reports missing capacity with a
//! 5xx in places.

mod table;

pub use table::{DUPLICATE, GONE, IN_USE, LAUNCH, PROTECTED, Row};

use nixl_aws::{AwsError, ErrorKind};

/// What to do about a refused launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launch {
    /// Nothing was launched; another zone may have room, and this one later.
    NextZone,
    /// Nothing was launched, and this type on this market never will be here.
    NotHere,
    /// The subnet is full: no type fits into it in this run.
    NextSubnet,
    /// The quota of the type's family on this market is used up, in every zone.
    NextFamily,
    /// The Spot market is closed to this account: no Spot in this run.
    NextMarket,
    /// Send the same request with the same token again: it may have been
    /// carried out, or will be in a moment.
    Retry,
    /// As `Retry`, for as long as IAM needs to show a new role to EC2.
    AwaitIam,
    /// As `Retry`, for as long as EC2 needs to show itself what was just made.
    AwaitConsistency,
    /// The token was used for another request: what it launched is ours.
    Adopt,
    /// The token's instances are gone: the next launch needs a new generation.
    NewGeneration,
    /// No way on without a person.
    Fail,
}

/// What to do about a refused launch.
#[must_use]
pub fn launch(error: &AwsError) -> Launch {
    match &error.kind {
        ErrorKind::Service { code, status } => match find(code, &error.message) {
            Some(row) => row.launch,
            None if *status >= 500 => Launch::Retry,
            None => Launch::Fail,
        },
        ErrorKind::Unreachable | ErrorKind::Ambiguous => Launch::Retry,
        ErrorKind::NoCredentials | ErrorKind::Invalid => Launch::Fail,
    }
}

/// What a person can do about it, if the table knows.
#[must_use]
pub fn advice(error: &AwsError) -> Option<&'static str> {
    find(error.code()?, &error.message)?.advice
}

/// Whether the service's code is one of the list.
#[must_use]
pub fn is(error: &AwsError, list: &[&str]) -> bool {
    error.code().is_some_and(|code| list.iter().any(|pattern| fits(pattern, code)))
}

/// Whether the call may have been carried out although it failed.
#[must_use]
pub fn unclear(error: &AwsError) -> bool {
    match &error.kind {
        ErrorKind::Ambiguous | ErrorKind::Unreachable => true,
        ErrorKind::Service { code, status } => {
            *status >= 500 && find(code, &error.message).is_none()
        }
        ErrorKind::NoCredentials | ErrorKind::Invalid => false,
    }
}

/// Whether an instance that ended with this StateReason found no room.
#[must_use]
pub fn is_want_of_room(code: &str) -> bool {
    table::ENDED_FOR_WANT_OF_ROOM.contains(&code)
}

/// Whether the same call may succeed a moment later, whatever it is about.
#[must_use]
pub fn passes(error: &AwsError) -> bool {
    matches!(error.kind, ErrorKind::Unreachable | ErrorKind::Ambiguous)
        || matches!(error.kind, ErrorKind::Service { .. }) && launch(error) == Launch::Retry
}

fn find(code: &str, message: &str) -> Option<&'static Row> {
    LAUNCH.iter().find(|row| {
        row.codes.iter().any(|pattern| fits(pattern, code))
            && (row.texts.is_empty() || row.texts.iter().any(|text| message.contains(text)))
    })
}

fn fits(pattern: &str, code: &str) -> bool {
    if let Some(start) = pattern.strip_suffix('*') {
        code.starts_with(start)
    } else if let Some(end) = pattern.strip_prefix('*') {
        code.ends_with(end)
    } else {
        pattern == code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(code: &str, message: &str, status: u16) -> AwsError {
        AwsError {
            service: "ec2",
            operation: "RunInstances",
            kind: ErrorKind::Service { code: code.to_owned(), status },
            message: message.to_owned(),
        }
    }

    #[test]
    fn each_row_answers_for_its_codes_whatever_the_status() {
        for row in LAUNCH {
            for code in row.codes {
                let code = code.replace('*', "X");
                let message = row.texts.first().copied().unwrap_or_default();
                for status in [400, 500, 503] {
                    assert_eq!(launch(&service(&code, message, status)), row.launch, "{code}");
                }
            }
        }
    }

    #[test]
    fn only_iams_two_messages_are_waited_for() {
        let code = "InvalidParameterValue";
        let lag = "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name";
        assert_eq!(launch(&service(code, lag, 400)), Launch::AwaitIam);
        assert_eq!(launch(&service(code, "Invalid value 'x'", 400)), Launch::Fail);
    }

    #[test]
    fn what_is_unknown_is_retried_only_if_the_server_failed() {
        assert_eq!(launch(&service("Brandnew", "", 500)), Launch::Retry);
        assert_eq!(launch(&service("Brandnew", "", 400)), Launch::Fail);
        let mut error = service("", "", 0);
        for (kind, expected) in [
            (ErrorKind::Ambiguous, Launch::Retry),
            (ErrorKind::Unreachable, Launch::Retry),
            (ErrorKind::NoCredentials, Launch::Fail),
            (ErrorKind::Invalid, Launch::Fail),
        ] {
            error.kind = kind;
            assert_eq!(launch(&error), expected);
        }
    }

    #[test]
    fn removal_lists_fit_the_codes_services_send() {
        for code in ["InvalidGroup.NotFound", "InvalidPlacementGroup.Unknown", "NoSuchEntity"] {
            assert!(is(&service(code, "", 400), GONE), "{code}");
        }
        assert!(is(&service("DependencyViolation", "", 400), IN_USE));
        assert!(!is(&service("InvalidGroup.NotFound", "", 400), IN_USE));
    }
}
