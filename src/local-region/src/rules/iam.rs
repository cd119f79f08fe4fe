//! Roles, instance profiles and what they allow.

super::rules! {
    gaps: [
        "iam": "The laptop's key is an administrator: it may do everything; there are no users, groups, permission boundaries or organization policies.",
        "iam": "Roles hold inline policies and those managed by AWS that the region knows; there are no customer managed policies.",
        "iam": "Most operations are authorized on the resource *; named resources are judged for tags, instances' ends, sessions, parameters, tracking servers, schedules, roles passed and roles assumed.",
        "iam": "Condition keys: aws:CurrentTime, EpochTime, userid, PrincipalArn, PrincipalAccount, RequestedRegion, RequestTag, ResourceTag, TagKeys, SourceInstanceARN, InstanceID, PassedToService, ExternalId; others are absent, so that what depends on them is not allowed (aws:SourceIp, MFA).",
        "iam": "A change of a trust policy takes effect at once.",
        "iam": "A machine whose role does not trust EC2 finds no credentials; AWS tells AssumeRoleUnauthorizedAccess in their place.",
        "iam": "Limits of roles and profiles in an account are not counted.",
    ]
    NAME = "iam.name" {
        says: "Names are at most 64 (roles) or 128 (profiles, policies) letters, digits and +=,.@_-.",
        source: "IAM API model, roleNameType, instanceProfileNameType, policyNameType",
        answer: "ValidationError",
        proof: Api,
    }
    PATH = "iam.path" {
        says: "A path begins and ends with /, and has at most 512 characters.",
        source: "IAM API model, pathType",
        answer: "ValidationError",
        proof: Api,
    }
    MAX_SESSION = "iam.role.max-session" {
        says: "A role's sessions last 1 to 12 hours at most.",
        source: "IAM API model, roleMaxSessionDurationType",
        answer: "ValidationError",
        proof: Api,
    }
    ROLE_EXISTS = "iam.role.exists" {
        says: "No two roles have names that differ in case only.",
        source: "IAM API reference, CreateRole, RoleName and EntityAlreadyExists",
        answer: "EntityAlreadyExists",
        proof: Api,
    }
    PROFILE_EXISTS = "iam.profile.exists" {
        says: "No two instance profiles have names that differ in case only.",
        source: "IAM API reference, CreateInstanceProfile, EntityAlreadyExists",
        answer: "EntityAlreadyExists",
        proof: Api,
    }
    ROLE_IN_USE = "iam.role.in-use" {
        says: "A role is deleted only without policies and outside of instance profiles.",
        source: "IAM API reference, DeleteRole, DeleteConflict",
        answer: "DeleteConflict",
        proof: Api,
    }
    PROFILE_IN_USE = "iam.profile.in-use" {
        says: "An instance profile is deleted only without a role.",
        source: "IAM API reference, DeleteInstanceProfile, DeleteConflict",
        answer: "DeleteConflict",
        proof: Api,
    }
    ONE_ROLE = "iam.profile.one-role" {
        says: "An instance profile holds one role.",
        source: "IAM API reference, AddRoleToInstanceProfile, LimitExceeded",
        answer: "LimitExceeded",
        proof: Api,
    }
    DOCUMENT = "iam.policy.malformed" {
        says: "Policy documents follow the grammar: a known version, actions with their service, resources as ARNs, principals in trust policies and only there.",
        source: "IAM user guide, Grammar of the IAM JSON policy language",
        answer: "MalformedPolicyDocument",
        proof: Api,
    }
    PRINCIPAL = "iam.trust.principal" {
        says: "The principals of a trust policy are services of AWS, and users and roles that exist.",
        source: "IAM user guide, AWS JSON policy elements: Principal; message: terraform-provider-aws issue 8905",
        answer: "MalformedPolicyDocument",
        proof: Api,
    }
    POLICY_SIZE = "iam.policy.size" {
        says: "The inline policies of a role have at most 10240 characters together.",
        source: "IAM user guide, IAM and STS quotas, Role policy size",
        answer: "LimitExceeded",
        proof: Api,
    }
    MANAGED_UNKNOWN = "iam.policy.managed-unknown" {
        says: "A managed policy that is attached exists.",
        source: "IAM API reference, AttachRolePolicy, NoSuchEntity",
        answer: "NoSuchEntity",
        proof: Api,
    }
    MAX_ITEMS = "iam.list.max-items" {
        says: "A list is asked for 1 to 1000 items.",
        source: "IAM API model, maxItemsType",
        answer: "ValidationError",
        proof: Api,
    }
    PAGES = "iam.list.pages" {
        says: "A list comes in pages: IsTruncated, and a Marker for the next.",
        source: "IAM API reference, ListRoles, MaxItems and Marker",
        answer: "-",
        proof: Api,
    }
    PROFILE_UNKNOWN = "iam.profile.unknown" {
        says: "A launch names an instance profile that exists.",
        source: "EC2 API reference, RunInstances, IamInstanceProfile; message: terraform issue 15341",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    PROFILE_EMPTY = "iam.profile.no-role" {
        says: "The instance profile of a launch holds a role.",
        source: "Message: packer issue 9810",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    PROFILE_VISIBLE = "iam.profile.visible" {
        says: "Launches see a new instance profile only after a while (window iam.profile_visible).",
        source: "IAM user guide, Changes that I make are not always immediately visible; terraform issue 15341",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    PROFILE_ROLE_VISIBLE = "iam.profile.role-visible" {
        says: "Launches see a role added to an instance profile only after a while (window iam.profile_visible).",
        source: "IAM user guide, Changes that I make are not always immediately visible; packer issue 9810",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    POLICY_VISIBLE = "iam.policy.visible" {
        says: "A change of what a role may do takes effect only after a while (window iam.policy_visible).",
        source: "IAM user guide, Changes that I make are not always immediately visible",
        answer: "-",
        proof: Api,
    }
    DEFAULT_DENY = "iam.node.default-deny" {
        says: "A node may do only what its role's policies allow; each service names the refusal in its own way.",
        source: "IAM user guide, Policy evaluation logic; Troubleshoot access denied error messages",
        answer: "UnauthorizedOperation, AccessDenied, AccessDeniedException, ForbiddenException",
        proof: Api,
    }
    DENY_WINS = "iam.policy.deny-wins" {
        says: "An explicit deny wins over every allow, and the refusal says so.",
        source: "IAM user guide, Policy evaluation logic",
        answer: "AccessDeniedException",
        proof: Api,
    }
    CONDITIONS = "iam.policy.conditions" {
        says: "A statement counts only if all of its conditions hold: so a node tags itself alone, with keys of its prefix alone, until the date given.",
        source: "IAM user guide, IAM JSON policy elements: Condition; EC2 service authorization reference, ec2:SourceInstanceARN",
        answer: "UnauthorizedOperation",
        proof: Api,
    }
    ENCODED_MESSAGE = "iam.denial.encoded-message" {
        says: "EC2's refusal carries an encoded message that DecodeAuthorizationMessage decodes.",
        source: "STS API reference, DecodeAuthorizationMessage",
        answer: "UnauthorizedOperation",
        proof: Api,
    }
    PASS_ROLE = "iam.pass-role" {
        says: "Who hands a role to a service must be allowed iam:PassRole on it.",
        source: "IAM user guide, Grant a user permissions to pass a role to an AWS service",
        answer: "UnauthorizedOperation",
        proof: Api,
    }
    NODE_TRUST = "iam.node.trust" {
        says: "A machine gets credentials only if its role trusts ec2.amazonaws.com.",
        source: "EC2 user guide, IAM roles for Amazon EC2, AssumeRoleUnauthorizedAccess",
        answer: "-",
        proof: Api,
    }
    SESSION_ENDS = "iam.session.ends" {
        says: "Credentials of a session are refused once they have expired.",
        source: "STS API reference, AssumeRole, Expiration; Common errors, ExpiredToken",
        answer: "ExpiredToken",
        proof: Api,
    }
}
