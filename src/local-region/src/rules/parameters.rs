//! Parameter Store.

super::rules! {
    gaps: [
        "ssm": "Parameter policies, labels, keys of the account's own and shared parameters are not there. The only public parameters are those of images that exist here.",
        "ssm": "A SecureString is not encrypted: without WithDecryption it is told as a text that says nothing of the value.",
        "ssm": "A parameter of type aws:ec2:image is checked at once (AWS: later, told by an event), and the message is not AWS's. AllowedPattern is searched for in the value, without Unicode classes.",
    ]
    EXISTS = "ssm.parameter.exists" {
        says: "A parameter that exists is changed only with Overwrite.",
        source: "SSM API reference, PutParameter, ParameterAlreadyExists",
        answer: "ParameterAlreadyExists",
        proof: Api,
    }
    RESERVED = "ssm.parameter.reserved" {
        says: "Names do not begin with aws or ssm, in any case; those below /aws/ are reserved.",
        source: "Systems Manager user guide, Requirements and constraints for parameter names",
        answer: "AccessDeniedException",
        proof: Api,
    }
    NAME = "ssm.parameter.name" {
        says: "A name is of letters, digits and . _ - /, at most 1011 long, and begins with / if it has one.",
        source: "Systems Manager user guide, Requirements and constraints for parameter names",
        answer: "ValidationException",
        proof: Api,
    }
    LEVELS = "ssm.parameter.levels" {
        says: "A path has at most 15 levels.",
        source: "SSM API reference, PutParameter, HierarchyLevelLimitExceededException",
        answer: "HierarchyLevelLimitExceededException",
        proof: Api,
    }
    SIZE = "ssm.parameter.size" {
        says: "A value has 1 to 4096 characters, 8192 in the advanced tier.",
        source: "terraform-aws-github-runner issue 3815; Systems Manager user guide, Managing parameter tiers",
        answer: "ValidationException",
        proof: Api,
    }
    TYPE = "ssm.parameter.type" {
        says: "A new parameter has a type that SSM knows, and keeps it.",
        source: "SSM API reference, PutParameter, UnsupportedParameterType and HierarchyTypeMismatchException",
        answer: "UnsupportedParameterType",
        proof: Api,
    }
    PATTERN = "ssm.parameter.pattern" {
        says: "A value matches its AllowedPattern.",
        source: "SSM API reference, PutParameter, ParameterPatternMismatchException",
        answer: "ParameterPatternMismatchException",
        proof: Api,
    }
    TAGS_OR_OVERWRITE = "ssm.parameter.tags-or-overwrite" {
        says: "Tags are given when a parameter is created, not with Overwrite.",
        source: "moto ssm/models.py, put_parameter, after AWS's answer",
        answer: "ValidationException",
        proof: Api,
    }
    IMAGE = "ssm.parameter.image" {
        says: "A parameter of data type aws:ec2:image names an image that exists.",
        source: "Systems Manager user guide, Using native parameter support for Amazon Machine Image IDs",
        answer: "ValidationException",
        proof: Api,
    }
    VERSION = "ssm.parameter.version" {
        says: "name:version reads that version; each write makes a new one.",
        source: "SSM API reference, GetParameter, ParameterVersionNotFound",
        answer: "ParameterVersionNotFound",
        proof: Api,
    }
    SECURE = "ssm.parameter.secure" {
        says: "A SecureString is told only WithDecryption.",
        source: "SSM API reference, GetParameter, WithDecryption",
        answer: "-",
        proof: Api,
    }
    TEN_NAMES = "ssm.parameter.ten-names" {
        says: "One call reads or deletes at most 10 parameters by name.",
        source: "SSM API model, ParameterNameList",
        answer: "ValidationException",
        proof: Api,
    }
    PATH = "ssm.parameter.path" {
        says: "GetParametersByPath tells one level below a path that begins with /, or all with Recursive.",
        source: "SSM API reference, GetParametersByPath",
        answer: "ValidationException",
        proof: Api,
    }
    PAGES = "ssm.parameter.pages" {
        says: "A page has at most 10 parameters by path, 50 in other lists.",
        source: "SSM API model, GetParametersByPathMaxResults and MaxResults",
        answer: "ValidationException",
        proof: Api,
    }
    FILTERS = "ssm.parameter.filters" {
        says: "Filters have keys and options that SSM knows.",
        source: "SSM API reference, ParameterStringFilter",
        answer: "InvalidFilterKey",
        proof: Api,
    }
    DELETE_UNKNOWN = "ssm.parameter.delete-unknown" {
        says: "DeleteParameter wants a parameter that exists; DeleteParameters tells which did not.",
        source: "SSM API reference, DeleteParameter, ParameterNotFound",
        answer: "ParameterNotFound",
        proof: Api,
    }
    TAGGED = "ssm.parameter.tagged" {
        says: "Only a parameter that exists has tags.",
        source: "SSM API reference, AddTagsToResource, InvalidResourceId",
        answer: "InvalidResourceId",
        proof: Api,
    }
    MAX_TAGS = "ssm.parameter.max-tags" {
        says: "A parameter has at most 50 tags.",
        source: "SSM API reference, AddTagsToResource, TooManyTagsError",
        answer: "TooManyTagsError",
        proof: Api,
    }
}
