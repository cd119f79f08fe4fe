//! EventBridge Scheduler.

super::rules! {
    gaps: [
        "scheduler": "One-time schedules only: rate(...) and cron(...) are refused.",
        "scheduler": "Universal targets only, of EC2, IAM, STS, SSM, SageMaker and Service Quotas; templated targets (Lambda, SQS, ...) are refused, dead-letter queues have no effect.",
        "scheduler": "A schedule fires at its second; AWS within the minute, or within the flexible time window.",
        "scheduler": "A time that has passed is accepted, and fires at once; what AWS does is not verified.",
        "scheduler": "Tries that failed for a server error or throttling are repeated after 1, 2, 4, ... minutes, an hour at most; AWS's delays are not documented.",
        "scheduler": "A group is deleted at once, without the state DELETING; deletion of the default group is refused as ValidationException, which is not verified.",
        "scheduler": "Messages of refused time zones, windows, inputs and read-only actions are not verified.",
    ]
    NAME = "scheduler.name" {
        says: "Schedules and groups have names of 1 to 64 letters, digits and -_. .",
        source: "EventBridge Scheduler API model, Name",
        answer: "ValidationException",
        proof: Api,
    }
    EXPRESSION = "scheduler.expression" {
        says: "A one-time schedule is written at(yyyy-mm-ddThh:mm:ss), without fraction or offset.",
        source: "EventBridge Scheduler user guide, Schedule types; message: localstack pull request 12191",
        answer: "ValidationException",
        proof: Api,
    }
    TIMEZONE_UNKNOWN = "scheduler.timezone-unknown" {
        says: "The time zone is one of the IANA database.",
        source: "EventBridge Scheduler user guide, Time zones",
        answer: "ValidationException",
        proof: Api,
    }
    TIMEZONE = "scheduler.timezone" {
        says: "The time of a schedule is in its time zone, UTC if it has none.",
        source: "EventBridge Scheduler API model, ScheduleExpressionTimezone",
        answer: "-",
        proof: Api,
    }
    ENUM = "scheduler.enum" {
        says: "A state is ENABLED or DISABLED, the action after completion NONE or DELETE.",
        source: "EventBridge Scheduler API model, ScheduleState and ActionAfterCompletion",
        answer: "ValidationException",
        proof: Api,
    }
    WINDOW = "scheduler.window" {
        says: "The flexible time window is OFF, or FLEXIBLE with 1 to 1440 minutes.",
        source: "EventBridge Scheduler API model, FlexibleTimeWindow",
        answer: "ValidationException",
        proof: Api,
    }
    READ_ONLY = "scheduler.target.read-only" {
        says: "A target is no operation that only reads.",
        source: "EventBridge Scheduler user guide, Using universal targets, Unsupported API actions",
        answer: "ValidationException",
        proof: Api,
    }
    INPUT = "scheduler.target.input" {
        says: "The input of a universal target is well-formed JSON.",
        source: "EventBridge Scheduler user guide, Using universal targets, Input",
        answer: "ValidationException",
        proof: Api,
    }
    RETRY_POLICY = "scheduler.target.retry-policy" {
        says: "A target is tried again at most 185 times, for 60 to 86400 seconds.",
        source: "EventBridge Scheduler API model, RetryPolicy",
        answer: "ValidationException",
        proof: Api,
    }
    TRUST = "scheduler.role.trust" {
        says: "The role trusts scheduler.amazonaws.com when the schedule is made, its conditions on the group's ARN and the account included.",
        source: "EventBridge Scheduler user guide, Confused deputy prevention; message: aws-sdk-js-v3 issue 6494",
        answer: "ValidationException",
        proof: Api,
    }
    EXISTS = "scheduler.exists" {
        says: "A name is given once in a group, and a group's name once.",
        source: "EventBridge Scheduler API reference, CreateSchedule, ConflictException",
        answer: "ConflictException",
        proof: Api,
    }
    TOKEN = "scheduler.token" {
        says: "The same request with the same client token is answered again, and makes nothing new.",
        source: "EventBridge Scheduler API model, ClientToken",
        answer: "-",
        proof: Api,
    }
    UNKNOWN = "scheduler.unknown" {
        says: "A schedule that is deleted exists.",
        source: "EventBridge Scheduler API reference, DeleteSchedule, ResourceNotFoundException",
        answer: "ResourceNotFoundException",
        proof: Api,
    }
    GROUP_UNKNOWN = "scheduler.group.unknown" {
        says: "The group of a schedule exists.",
        source: "EventBridge Scheduler API reference, CreateSchedule, ResourceNotFoundException",
        answer: "ResourceNotFoundException",
        proof: Api,
    }
    GROUP_DEFAULT = "scheduler.group.default" {
        says: "The default group cannot be deleted.",
        source: "EventBridge Scheduler user guide, Managing a schedule group",
        answer: "ValidationException",
        proof: Api,
    }
    GROUP_SCHEDULES = "scheduler.group.schedules" {
        says: "The schedules of a group are deleted with it.",
        source: "EventBridge Scheduler API reference, DeleteScheduleGroup",
        answer: "-",
        proof: Api,
    }
    MAX_RESULTS = "scheduler.max-results" {
        says: "A page has 1 to 100 entries.",
        source: "EventBridge Scheduler API model, MaxResults",
        answer: "ValidationException",
        proof: Api,
    }
    FIRES = "scheduler.fires" {
        says: "A one-time schedule calls its target at its time, once.",
        source: "EventBridge Scheduler user guide, One-time schedules",
        answer: "-",
        proof: Api,
    }
    ROLE = "scheduler.fires.as-role" {
        says: "The target is called as a session of the role: what the role may not do does not happen, and nobody is told.",
        source: "EventBridge Scheduler user guide, Setting up the execution role",
        answer: "-",
        proof: Api,
    }
    WITHDRAWN = "scheduler.fires.withdrawn" {
        says: "A schedule that was deleted, replaced or disabled before its time does not fire.",
        source: "EventBridge Scheduler API reference, DeleteSchedule, UpdateSchedule, State",
        answer: "-",
        proof: Api,
    }
    DELETE_AFTER = "scheduler.fires.delete" {
        says: "With ActionAfterCompletion=DELETE a schedule is gone once it has fired; else it stays.",
        source: "EventBridge Scheduler user guide, Deletion after schedule completion",
        answer: "-",
        proof: Api,
    }
    RETRIES = "scheduler.fires.retries" {
        says: "A call that the service could not answer is made again.",
        source: "EventBridge Scheduler user guide, Retry policy",
        answer: "-",
        proof: Api,
    }
}
