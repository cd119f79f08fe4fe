//! What a caller is told who may not do something.

use super::ApiError;
use crate::rules::{Rules, iam as rules};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use std::fmt;

/// Who may not do what.
pub struct Denial {
    /// ARN of the caller.
    pub arn: String,
    /// `aws:userid` of the caller.
    pub user_id: String,
    /// `ec2:CreateTags`
    pub action: String,
    /// ARN or `*`.
    pub resource: String,
    /// A statement denies it; else none allows it.
    pub explicit: bool,
}

impl Denial {
    /// The error, named as the service names it. Only EC2 adds the encoded message.
    pub fn refusal(&self, service: &str, in_force: &Rules) -> ApiError {
        let (code, status) = match service {
            "ec2" => ("UnauthorizedOperation", StatusCode::FORBIDDEN),
            "iam" | "sts" => ("AccessDenied", StatusCode::FORBIDDEN),
            "imagebuilder" => ("ForbiddenException", StatusCode::FORBIDDEN),
            "scheduler" => ("AccessDeniedException", StatusCode::FORBIDDEN),
            _ => ("AccessDeniedException", StatusCode::BAD_REQUEST),
        };
        let mut message = self.to_string();
        if service == "ec2" {
            message = format!("You are not authorized to perform this operation. {message}");
            if in_force.on(&rules::ENCODED_MESSAGE) {
                let encoded = self.encoded();
                message.push_str(&format!(" Encoded authorization failure message: {encoded}"));
            }
        }
        ApiError::new(code, message).status(status)
    }

    fn encoded(&self) -> String {
        let told = json!({
            "allowed": false,
            "explicitDeny": self.explicit,
            "matchedStatements": {"items": []},
            "failures": {"items": []},
            "context": {
                "principal": {"id": self.user_id, "arn": self.arn},
                "action": self.action,
                "resource": self.resource,
                "conditions": {"items": []},
            },
        });
        URL_SAFE_NO_PAD.encode(told.to_string())
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { arn, action, resource, .. } = self;
        write!(f, "User: {arn} is not authorized to perform: {action} on resource: {resource} ")?;
        if self.explicit {
            write!(f, "with an explicit deny in an identity-based policy")
        } else {
            write!(f, "because no identity-based policy allows the {action} action")
        }
    }
}

/// The message behind an encoded one, as DecodeAuthorizationMessage tells it.
pub fn decode(encoded: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).ok()?).ok()?;
    let told: Value = serde_json::from_str(&text).ok()?;
    told["allowed"].is_boolean().then_some(text)
}
