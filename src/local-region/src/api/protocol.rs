//! The services, one row each, and their protocols: finds the operation in a
//! request and writes the answer as EC2 query, IAM/STS query, AwsJson 1.1 or
//! REST JSON.

use super::{Answer, ApiError, Call, params::Params, xml};
use super::{
    ec2, iam, imagebuilder, logs, pricing, sagemaker, scheduler, service_quotas, ssm, sts,
};
use crate::server::Inner;
use crate::sigv4::SignedRequest;
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

/// A service of the region (S3 aside).
pub struct Service {
    /// Name in the credential scope, which is also the IAM prefix.
    name: &'static str,
    /// Where its errors have their message.
    message: &'static str,
    wire: Wire,
}

/// How a service is called.
enum Wire {
    /// A form in, XML out.
    Query { namespace: &'static str, perform: fn(&Call<'_>, &Params) -> Answer },
    /// AwsJson 1.1; the target names the operation.
    Json { target: &'static str, perform: fn(&Call<'_>, &Value) -> Answer },
    /// REST JSON; method and path name the operation.
    Rest {
        is_path: fn(&str) -> bool,
        operation: fn(&Method, &str) -> String,
        perform: fn(&Call<'_>, &SignedRequest<'_>, &Value) -> Answer,
    },
}

/// EC2.
pub static EC2: Service = Service {
    name: "ec2",
    message: "Message",
    wire: Wire::Query {
        namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
        perform: ec2::perform,
    },
};

/// Image Builder.
pub static IMAGE_BUILDER: Service = Service {
    name: "imagebuilder",
    message: "message",
    wire: Wire::Rest {
        is_path: imagebuilder::is_path,
        operation: imagebuilder::operation,
        perform: imagebuilder::perform,
    },
};

static IAM: Service = Service {
    name: "iam",
    message: "Message",
    wire: Wire::Query {
        namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
        perform: iam::perform,
    },
};

static STS: Service = Service {
    name: "sts",
    message: "Message",
    wire: Wire::Query {
        namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
        perform: sts::perform,
    },
};

static SSM: Service = Service {
    name: "ssm",
    message: "message",
    wire: Wire::Json { target: "AmazonSSM", perform: ssm::perform },
};

static SAGEMAKER: Service = Service {
    name: "sagemaker",
    message: "message",
    wire: Wire::Json { target: "SageMaker", perform: sagemaker::perform },
};

static SERVICE_QUOTAS: Service = Service {
    name: "servicequotas",
    message: "Message",
    wire: Wire::Json { target: "ServiceQuotasV20190624", perform: service_quotas::perform },
};

static PRICING: Service = Service {
    name: "pricing",
    message: "Message",
    wire: Wire::Json { target: "AWSPriceListService", perform: pricing::perform },
};

static LOGS: Service = Service {
    name: "logs",
    message: "message",
    wire: Wire::Json { target: "Logs_20140328", perform: logs::perform },
};

static SCHEDULER: Service = Service {
    name: "scheduler",
    message: "Message",
    wire: Wire::Rest {
        is_path: scheduler::is_path,
        operation: scheduler::operation,
        perform: scheduler::perform,
    },
};

/// Of those that take a path, the first has it.
static SERVICES: [&Service; 10] = [
    &EC2,
    &IAM,
    &STS,
    &SSM,
    &SAGEMAKER,
    &SCHEDULER,
    &IMAGE_BUILDER,
    &SERVICE_QUOTAS,
    &PRICING,
    &LOGS,
];

impl Service {
    /// From the credential scope.
    #[must_use]
    pub fn from_scope(name: &str) -> Option<&'static Self> {
        SERVICES.into_iter().find(|service| service.name == name)
    }

    /// For a request that says nothing of its scope: by its shape.
    #[must_use]
    pub fn guess(
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<&'static Self> {
        if let Some(target) = headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
            let (prefix, _) = target.split_once('.')?;
            let called =
                |wire: &Wire| matches!(wire, Wire::Json { target, .. } if *target == prefix);
            return SERVICES.into_iter().find(|service| called(&service.wire));
        }
        if path == "/" && method == Method::POST {
            let form = String::from_utf8_lossy(body);
            let version = format!("/{}/", Params::parse(&form).get("Version").unwrap_or_default());
            let dated = |wire: &Wire| matches!(wire, Wire::Query { namespace, .. } if namespace.ends_with(&version));
            return SERVICES.into_iter().find(|service| dated(&service.wire)).or(Some(&EC2));
        }
        SERVICES
            .into_iter()
            .find(|service| matches!(service.wire, Wire::Rest { is_path, .. } if is_path(path)))
    }

    /// IAM prefix.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a call needs no more than an operation and its parameters.
    #[must_use]
    pub fn takes_parameters(&self) -> bool {
        !matches!(self.wire, Wire::Rest { .. })
    }

    /// A call by operation and parameters: headers and body.
    #[must_use]
    pub fn parameters(
        &self,
        operation: &str,
        input: &Value,
    ) -> (Vec<(&'static str, String)>, String) {
        match self.wire {
            Wire::Query { namespace, .. } => {
                let version =
                    namespace.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                let form = scheduler::form::encode(input);
                let kind = "application/x-www-form-urlencoded; charset=utf-8".to_owned();
                let body = format!("Action={operation}&Version={version}&{form}");
                (vec![("content-type", kind)], body)
            }
            Wire::Json { target, .. } => {
                let headers = vec![
                    ("content-type", "application/x-amz-json-1.1".to_owned()),
                    ("x-amz-target", format!("{target}.{operation}")),
                ];
                (headers, input.to_string())
            }
            Wire::Rest { .. } => (Vec::new(), input.to_string()),
        }
    }

    /// Name of the operation that the request asks for.
    #[must_use]
    pub fn operation(&self, request: &SignedRequest<'_>) -> String {
        match self.wire {
            Wire::Query { .. } => {
                let body = String::from_utf8_lossy(request.body);
                Params::parse(&body).get("Action").unwrap_or_default().to_owned()
            }
            Wire::Json { .. } => {
                let target = request.headers.get("x-amz-target");
                let target = target.and_then(|value| value.to_str().ok()).unwrap_or_default();
                target.rsplit('.').next().unwrap_or_default().to_owned()
            }
            Wire::Rest { operation, .. } => operation(request.method, request.path),
        }
    }
}

/// Carries out an operation of an authentic caller.
pub fn perform(
    region: &Arc<Inner>,
    caller: &super::Caller,
    service: &Service,
    operation: &str,
    request: &SignedRequest<'_>,
) -> Answer {
    let call = Call { region, caller, service: service.name, operation };
    match service.wire {
        Wire::Query { perform, .. } => {
            let text = std::str::from_utf8(request.body)
                .map_err(|_| ApiError::new("MalformedQueryString", "The body is not UTF-8."))?;
            let params = Params::parse(text);
            let _ = (params.get("Action"), params.get("Version"));
            let answer = perform(&call, &params);
            if answer.is_ok() && !params.unread().is_empty() {
                let unread = params.unread();
                tracing::warn!(operation, ?unread, "parameters have no effect in the local region");
            }
            answer
        }
        Wire::Json { perform, .. } => perform(&call, &json_body(request.body)?),
        Wire::Rest { perform, .. } => perform(&call, request, &json_body(request.body)?),
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
    service: &Service,
    operation: &str,
    request_id: &str,
    answer: &Answer,
) -> Response<String> {
    let status = answer.as_ref().err().map_or(StatusCode::OK, |error| error.status);
    let mut builder = Response::builder().status(status).header("x-amzn-requestid", request_id);
    let body = match service.wire {
        Wire::Query { namespace, .. } => {
            builder = builder.header("content-type", "text/xml;charset=UTF-8");
            let inside = if service.name == EC2.name {
                ec2_xml(namespace, operation, request_id, answer)
            } else {
                query_xml(namespace, operation, request_id, answer)
            };
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{inside}")
        }
        Wire::Json { .. } => {
            builder = builder.header("content-type", "application/x-amz-json-1.1");
            match answer {
                Ok(value) => value.to_string(),
                Err(error) if error.message.is_empty() => json!({"__type": error.code}).to_string(),
                Err(error) => {
                    json!({"__type": error.code, service.message: error.message}).to_string()
                }
            }
        }
        Wire::Rest { .. } => {
            builder = builder.header("content-type", "application/json");
            match answer {
                Ok(value) => value.to_string(),
                Err(error) => {
                    builder = builder.header("x-amzn-errortype", error.code.as_str());
                    json!({ service.message: error.message }).to_string()
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

fn ec2_xml(namespace: &str, operation: &str, request_id: &str, answer: &Answer) -> String {
    match answer {
        Ok(value) => format!(
            "<{operation}Response xmlns=\"{namespace}\"><requestId>{request_id}</requestId>{}</{operation}Response>",
            xml::write(value, "item")
        ),
        Err(error) => {
            let tree = json!({"Errors": {"Error": {"Code": error.code, "Message": error.message}}, "RequestID": request_id});
            format!("<Response>{}</Response>", xml::write(&tree, "item"))
        }
    }
}

fn query_xml(namespace: &str, operation: &str, request_id: &str, answer: &Answer) -> String {
    match answer {
        Ok(value) => {
            let inside = xml::write(value, "member");
            // An operation that answers nothing has no result, not an empty one.
            let result = if inside.is_empty() {
                inside
            } else {
                format!("<{operation}Result>{inside}</{operation}Result>")
            };
            format!(
                "<{operation}Response xmlns=\"{namespace}\">{result}<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
            )
        }
        Err(error) => {
            let tree = json!({"Error": {"Type": "Sender", "Code": error.code, "Message": error.message}, "RequestId": request_id});
            format!(
                "<ErrorResponse xmlns=\"{namespace}\">{}</ErrorResponse>",
                xml::write(&tree, "member")
            )
        }
    }
}

/// Whether an unsigned request is for a REST service.
#[must_use]
pub fn is_rest_path(path: &str) -> bool {
    SERVICES
        .into_iter()
        .any(|service| matches!(service.wire, Wire::Rest { is_path, .. } if is_path(path)))
}
