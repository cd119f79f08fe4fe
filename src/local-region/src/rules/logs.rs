//! CloudWatch Logs.

super::rules! {
    gaps: [
        "logs": "Only image builds write, and what is written is read by DescribeLogGroups, DescribeLogStreams and GetLogEvents: no writing, deleting, filtering, retention or subscriptions.",
        "logs": "An event is seen at once; AWS takes seconds.",
    ]
    GROUP = "logs.group" {
        says: "A log group that is read exists.",
        source: "CloudWatch Logs API model, ResourceNotFoundException; message as the AWS CLI shows it",
        answer: "ResourceNotFoundException",
        proof: Api,
    }
    STREAM = "logs.stream" {
        says: "A log stream that is read exists.",
        source: "CloudWatch Logs API model, ResourceNotFoundException; message as the AWS CLI shows it",
        answer: "ResourceNotFoundException",
        proof: Api,
    }
    LIMIT = "logs.limit" {
        says: "GetLogEvents gives 1 to 10000 events, 10000 where no number is asked for.",
        source: "CloudWatch Logs API model, EventsLimit; API reference, GetLogEvents",
        answer: "InvalidParameterException",
        proof: Api,
    }
    NEWEST = "logs.newest-first" {
        says: "GetLogEvents begins with the newest events unless startFromHead is true; within a page the oldest is first.",
        source: "CloudWatch Logs API reference, GetLogEvents, startFromHead",
        answer: "-",
        proof: Api,
    }
    END = "logs.end" {
        says: "At the end of a stream the token that was given is answered again.",
        source: "CloudWatch Logs API reference, GetLogEvents, nextForwardToken",
        answer: "-",
        proof: Api,
    }
    TOKEN = "logs.token" {
        says: "A token is one that an answer gave.",
        source: "CloudWatch Logs API reference, GetLogEvents; message as users of boto3 report it",
        answer: "InvalidParameterException",
        proof: Api,
    }
}
