//! The two kinds, told apart by ARN.

/// A tracking server, which has hours, or an App, which has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// `…:mlflow-tracking-server/NAME`
    #[default]
    Server,
    /// `…:mlflow-app/ID`
    App,
}

impl Kind {
    /// Of the resource with this ARN, with the name or id at its end.
    #[must_use]
    pub fn of(arn: &str) -> Option<(Self, &str)> {
        let (kind, id) = arn.splitn(6, ':').nth(5)?.split_once('/')?;
        match kind {
            "mlflow-tracking-server" => Some((Self::Server, id)),
            "mlflow-app" => Some((Self::App, id)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Server => "tracking server",
            Self::App => "App",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_its_kind() {
        let of = |end: &str| {
            let arn = format!("arn:aws:sagemaker:us-east-1:123456789012:{end}");
            Kind::of(&arn).map(|(kind, id)| (kind, id.to_owned()))
        };
        assert_eq!(of("mlflow-app/app-1"), Some((Kind::App, "app-1".to_owned())));
        assert_eq!(of("mlflow-tracking-server/a-b"), Some((Kind::Server, "a-b".to_owned())));
        assert_eq!(of("notebook/a"), None);
        assert_eq!(Kind::of("arn:m/x"), None);
    }
}
