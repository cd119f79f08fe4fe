//! Whether something keeps the kernel's clock right: adjtimex(2), or, since
//! ProtectClock= of our unit refuses that, systemd-timedated.

use super::ask::ask;
use super::facts::Clock;
use crate::board::Reading;
use nixl_cluster::reason;
use std::io;
use std::path::Path;
use std::time::Duration;

/// chrony needs some polls after a boot before it says that the clock is right.
pub const GRACE: Duration = Duration::from_secs(180);

/// systemd names here what it runs in.
const CONTAINER: &str = "run/systemd/container";

/// Asks the kernel; `None` where nobody tells, as in containers, which share the
/// host's clock. `root` is `/` on a node.
///
/// # Errors
/// What the kernel answers otherwise.
pub async fn read(root: &Path) -> io::Result<Option<Clock>> {
    match kernel() {
        Err(error) if refused(&error) => {}
        told => return told.map(Some),
    }
    // Its service would be refused as well, and say no.
    if root.join(CONTAINER).exists() {
        return Ok(None);
    }
    Ok(match ask("timedatectl", &["show", "--property=NTPSynchronized", "--value"]).await {
        Ok(told) => parse(&told),
        Err(error) => {
            tracing::debug!(%error, "the clock's state is not told: {error}");
            None
        }
    })
}

fn refused(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS))
}

fn parse(told: &str) -> Option<Clock> {
    let synchronised = match told.trim() {
        "yes" => true,
        "no" => false,
        _ => return None,
    };
    Some(Clock { synchronised, estimated_error_secs: None, max_error_secs: None })
}

fn kernel() -> io::Result<Clock> {
    // SAFETY: all of it are numbers; without modes nothing is set.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes into a struct of the size that it knows.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    let secs = |micros: i64| Some(Duration::from_micros(micros.unsigned_abs()).as_secs_f64());
    Ok(Clock {
        synchronised: state != libc::TIME_ERROR && timex.status & libc::STA_UNSYNC == 0,
        estimated_error_secs: secs(timex.esterror),
        max_error_secs: secs(timex.maxerror),
    })
}

/// What that means; nothing while the node has been `up` for too short a time to
/// be right already.
pub fn judge(clock: Option<&Clock>, up: Duration) -> Option<Reading> {
    let Some(clock) = clock else {
        return Some(Reading::good("not told here"));
    };
    if clock.synchronised {
        return Some(match clock.estimated_error_secs {
            Some(secs) => Reading::good(secs).unit("s"),
            None => Reading::good("synchronised"),
        });
    }
    (up > GRACE).then(|| {
        let mut evidence = "nothing has synchronised the kernel's clock".to_owned();
        if let Some(secs) = clock.max_error_secs {
            evidence = format!("{evidence}; it may be {secs:.1} s wrong");
        }
        let reading = Reading::bad(&reason::CLOCK_UNSYNCHRONISED, evidence);
        match clock.max_error_secs {
            Some(secs) => reading.field("max_error_secs", secs),
            None => reading,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_has_time_to_become_right() {
        let wrong =
            Clock { synchronised: false, estimated_error_secs: None, max_error_secs: Some(16.0) };
        assert_eq!(judge(Some(&wrong), Duration::from_secs(60)), None);
        let told = judge(Some(&wrong), Duration::from_secs(181)).unwrap();
        assert_eq!(told.code(), Some("system.clock_unsynchronised"));
        assert_eq!(told.fields["max_error_secs"], 16.0);
        let right =
            Clock { synchronised: true, estimated_error_secs: Some(0.5), max_error_secs: None };
        assert_eq!(judge(Some(&right), Duration::ZERO).unwrap().value, Some(0.5.into()));
        assert_eq!(judge(None, Duration::MAX).unwrap().code(), None);
    }

    #[test]
    fn timedated_says_yes_or_no_or_nothing() {
        let synchronised = |told| parse(told).map(|clock| clock.synchronised);
        assert_eq!(synchronised("yes\n"), Some(true));
        assert_eq!(synchronised("no\n"), Some(false));
        assert_eq!(synchronised(""), None);
    }

    #[tokio::test]
    async fn this_kernel_tells_or_refuses() {
        match kernel() {
            Ok(clock) => assert!(clock.max_error_secs.is_some()),
            Err(error) => assert!(refused(&error), "{error}"),
        }
        assert!(read(Path::new("/")).await.is_ok());
    }
}
