//! Run Command.

super::rules! {
    gaps: [
        "ssm": "Run Command knows the document AWS-RunShellScript, version 1. Notifications, alarms, CloudWatch output, service roles and resource groups as targets are refused.",
        "ssm": "Exit status 194 (reboot and run again) is a failure like others; a command whose machine ends under it has failed at once.",
        "ssm": "Of each stream 8 MiB are kept and go to S3; at most 1000 commands are remembered (AWS: 30 days).",
        "ssm": "The messages of InvalidParameters, of a target given twice or not at all, and the status of a tag that is on no node are not verified.",
    ]
    DOCUMENT = "ssm.command.document" {
        says: "The document exists, in the version asked for.",
        source: "SSM API reference, SendCommand, InvalidDocument",
        answer: "InvalidDocument",
        proof: Api,
    }
    PARAMETERS = "ssm.command.parameters" {
        says: "Parameters are those of the document, in the form it asks for; commands are needed.",
        source: "SSM API reference, SendCommand, InvalidParameters; document AWS-RunShellScript",
        answer: "InvalidParameters",
        proof: Api,
    }
    TARGET_STATE = "ssm.command.target-state" {
        says: "A command is sent only to instances that are managed nodes.",
        source: "SSM API reference, SendCommand, InvalidInstanceId; aws-cli issue 3646",
        answer: "InvalidInstanceId",
        proof: Api,
    }
    DUPLICATE = "ssm.command.duplicate" {
        says: "An instance is named once.",
        source: "SSM API reference, SendCommand, DuplicateInstanceId",
        answer: "DuplicateInstanceId",
        proof: Api,
    }
    ONE_TARGET_FORM = "ssm.command.one-target-form" {
        says: "A command names its instances either by InstanceIds or by Targets.",
        source: "SSM API reference, SendCommand, InstanceIds and Targets",
        answer: "ValidationException",
        proof: Api,
    }
    LIMITS = "ssm.command.limits" {
        says: "At most 50 ids and 5 targets, 30 to 2592000 seconds, a comment of at most 100 characters, MaxConcurrency and MaxErrors in their patterns.",
        source: "SSM API model, SendCommand",
        answer: "ValidationException",
        proof: Api,
    }
    OUTPUT_BUCKET = "ssm.command.output-bucket" {
        says: "The bucket for output exists.",
        source: "SSM API reference, SendCommand, InvalidOutputFolder",
        answer: "InvalidOutputFolder",
        proof: Api,
    }
    UNSEEN = "ssm.command.unseen" {
        says: "Right after SendCommand, GetCommandInvocation does not know the invocation yet.",
        source: "SSM API reference, GetCommandInvocation, InvocationDoesNotExist; botocore waiter CommandExecuted, which retries on it",
        answer: "InvocationDoesNotExist",
        proof: Api,
    }
    EXIT_STATUS = "ssm.command.exit-status" {
        says: "An invocation succeeds if its script ends with 0, and fails with the script's status otherwise.",
        source: "Systems Manager user guide, Understanding command statuses; amazon-ssm-agent, pluginutil",
        answer: "-",
        proof: Api,
    }
    EXECUTION_TIMEOUT = "ssm.command.execution-timeout" {
        says: "A script that runs longer than executionTimeout is killed; the invocation is TimedOut (ExecutionTimedOut).",
        source: "Systems Manager user guide, Understanding command timeout values",
        answer: "-",
        proof: Api,
    }
    DELIVERY_TIMEOUT = "ssm.command.delivery-timeout" {
        says: "A command that no agent takes within TimeoutSeconds and executionTimeout together is TimedOut (DeliveryTimedOut).",
        source: "Systems Manager user guide, Understanding command timeout values",
        answer: "-",
        proof: Api,
    }
    STDOUT_CUT = "ssm.command.stdout-cut" {
        says: "GetCommandInvocation tells 24000 characters of standard output, the last of them a mark.",
        source: "SSM API reference, GetCommandInvocation; amazon-ssm-agent, iohandler.go",
        answer: "-",
        proof: Api,
    }
    STDERR_CUT = "ssm.command.stderr-cut" {
        says: "GetCommandInvocation tells 8000 characters of standard error, the last of them a mark.",
        source: "SSM API reference, GetCommandInvocation; amazon-ssm-agent, iohandler.go",
        answer: "-",
        proof: Api,
    }
    MAX_CONCURRENCY = "ssm.command.max-concurrency" {
        says: "A command runs on at most MaxConcurrency instances at a time.",
        source: "SSM API reference, SendCommand, MaxConcurrency",
        answer: "-",
        proof: Api,
    }
    MAX_ERRORS = "ssm.command.max-errors" {
        says: "With more errors than MaxErrors a command is not sent to further instances; their invocations are Terminated.",
        source: "SSM API reference, SendCommand, MaxErrors; user guide, Understanding command statuses",
        answer: "-",
        proof: Api,
    }
    CANCEL = "ssm.command.cancel" {
        says: "CancelCommand ends what has not ended.",
        source: "SSM API reference, CancelCommand",
        answer: "-",
        proof: Api,
    }
    UNKNOWN = "ssm.command.unknown" {
        says: "Only a command that exists is cancelled.",
        source: "SSM API reference, CancelCommand, InvalidCommandId",
        answer: "InvalidCommandId",
        proof: Api,
    }
    FILTERS = "ssm.command.filters" {
        says: "Lists of commands are filtered by keys that SSM knows.",
        source: "SSM API model, CommandFilterKey",
        answer: "InvalidFilterKey",
        proof: Api,
    }
    PAGES = "ssm.command.pages" {
        says: "A page has 1 to 50 commands or invocations.",
        source: "SSM API model, CommandMaxResults",
        answer: "ValidationException",
        proof: Api,
    }
}
