//! Finds the operation in a request and writes the answer in the protocol of
//! its service: EC2 query, IAM/STS query, AwsJson 1.1, REST JSON.

use super::{Answer, ApiError, Call, params::Params, xml};
use crate::server::Inner;
use crate::sigv4::SignedRequest;
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::Value;
use std::sync::Arc;

/// A service of the region (S3 aside).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// EC2.
    Ec2,
    /// IAM.
    Iam,
    /// STS.
    Sts,
    /// SSM.
    Ssm,
    /// SageMaker.
    SageMaker,
    /// Image Builder.
    ImageBuilder,
}

impl Service {
    /// From the credential scope.
    #[must_use]
    pub fn from_scope(name: &str) -> Option<Self> {
        Some(match name {
            "ec2" => Self::Ec2,
            "iam" => Self::Iam,
            "sts" => Self::Sts,
            "ssm" => Self::Ssm,
            "sagemaker" => Self::SageMaker,
            "imagebuilder" => Self::ImageBuilder,
            _ => return None,
        })
    }

    /// For a request that says nothing of its scope: by its shape.
    #[must_use]
    pub fn guess(method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        if let Some(target) = headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
            return Some(if target.starts_with("AmazonSSM") { Self::Ssm } else { Self::SageMaker });
        }
        if path == "/" && method == Method::POST {
            let body = String::from_utf8_lossy(body);
            return Some(match Params::parse(&body).get("Version") {
                Some("2010-05-08") => Self::Iam,
                Some("2011-06-15") => Self::Sts,
                _ => Self::Ec2,
            });
        }
        super::imagebuilder::is_path(path).then_some(Self::ImageBuilder)
    }

    /// IAM prefix.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Ssm => "ssm",
            Self::SageMaker => "sagemaker",
            Self::ImageBuilder => "imagebuilder",
        }
    }

    /// Name of the operation that the request asks for.
    #[must_use]
    pub fn operation(self, request: &SignedRequest<'_>) -> String {
        match self {
            Self::Ec2 | Self::Iam | Self::Sts => {
                let body = String::from_utf8_lossy(request.body);
                Params::parse(&body).get("Action").unwrap_or_default().to_owned()
            }
            Self::Ssm | Self::SageMaker => {
                let target = request.headers.get("x-amz-target");
                let target = target.and_then(|value| value.to_str().ok()).unwrap_or_default();
                target.rsplit('.').next().unwrap_or_default().to_owned()
            }
            Self::ImageBuilder => super::imagebuilder::operation(request.method, request.path),
        }
    }
}

/// Carries out an operation of an authentic caller.
pub fn perform(
    region: &Arc<Inner>,
    caller: &super::Caller,
    service: Service,
    operation: &str,
    request: &SignedRequest<'_>,
) -> Answer {
    let call = Call { region, caller, service: service.name(), operation };
    match service {
        Service::Ec2 | Service::Iam | Service::Sts => {
            let text = std::str::from_utf8(request.body)
                .map_err(|_| ApiError::new("MalformedQueryString", "The body is not UTF-8."))?;
            let params = Params::parse(text);
            let _ = (params.get("Action"), params.get("Version"));
            let answer = match service {
                Service::Ec2 => super::ec2::perform(&call, &params),
                Service::Iam => super::iam::perform(&call, &params),
                _ => super::sts::perform(&call, &params),
            };
            if answer.is_ok() && !params.unread().is_empty() {
                let unread = params.unread();
                tracing::warn!(operation, ?unread, "parameters have no effect in the local region");
            }
            answer
        }
        Service::Ssm | Service::SageMaker => {
            let input = json_body(request.body)?;
            match service {
                Service::Ssm => super::ssm::perform(&call, &input),
                _ => super::sagemaker::perform(&call, &input),
            }
        }
        Service::ImageBuilder => {
            super::imagebuilder::perform(&call, request, &json_body(request.body)?)
        }
    }
}

fn json_body(body: &[u8]) -> Result<Value, ApiError> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    serde_json::from_slice(body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| ApiError::new("SerializationException", "The body is not a JSON object."))
}

/// Writes an answer as the service does.
#[must_use]
pub fn respond(
    service: Service,
    operation: &str,
    request_id: &str,
    answer: &Answer,
) -> Response<String> {
    let status = answer.as_ref().err().map_or(StatusCode::OK, |error| error.status);
    let mut builder = Response::builder().status(status).header("x-amzn-requestid", request_id);
    let body = match service {
        Service::Ec2 | Service::Iam | Service::Sts => {
            builder = builder.header("content-type", "text/xml;charset=UTF-8");
            let inside = if service == Service::Ec2 {
                ec2_xml(operation, request_id, answer)
            } else {
                query_xml(service, operation, request_id, answer)
            };
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{inside}")
        }
        Service::Ssm | Service::SageMaker => {
            builder = builder.header("content-type", "application/x-amz-json-1.1");
            match answer {
                Ok(value) => value.to_string(),
                Err(error) => {
                    serde_json::json!({"__type": error.code, "message": error.message}).to_string()
                }
            }
        }
        Service::ImageBuilder => {
            builder = builder.header("content-type", "application/json");
            match answer {
                Ok(value) => value.to_string(),
                Err(error) => {
                    builder = builder.header("x-amzn-errortype", error.code.as_str());
                    serde_json::json!({"message": error.message}).to_string()
                }
            }
        }
    };
    builder.body(body).unwrap_or_else(|_| {
        let mut plain = Response::new(String::new());
        *plain.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        plain
    })
}

fn ec2_xml(operation: &str, request_id: &str, answer: &Answer) -> String {
    match answer {
        Ok(value) => format!(
            "<{operation}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{request_id}</requestId>{}</{operation}Response>",
            xml::write(value, "item")
        ),
        Err(error) => {
            let tree = serde_json::json!({"Errors": {"Error": {"Code": error.code, "Message": error.message}}, "RequestID": request_id});
            format!("<Response>{}</Response>", xml::write(&tree, "item"))
        }
    }
}

fn query_xml(service: Service, operation: &str, request_id: &str, answer: &Answer) -> String {
    let namespace = match service {
        Service::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        _ => "https://sts.amazonaws.com/doc/2011-06-15/",
    };
    match answer {
        Ok(value) => format!(
            "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{}</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>",
            xml::write(value, "member")
        ),
        Err(error) => {
            let tree = serde_json::json!({"Error": {"Type": "Sender", "Code": error.code, "Message": error.message}, "RequestId": request_id});
            format!(
                "<ErrorResponse xmlns=\"{namespace}\">{}</ErrorResponse>",
                xml::write(&tree, "member")
            )
        }
    }
}
