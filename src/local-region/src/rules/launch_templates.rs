//! Launch templates.

super::rules! {
    gaps: [
        "ec2": "A launch template has one version; CreateLaunchTemplateVersion, ModifyLaunchTemplate and DeleteLaunchTemplateVersions are not carried out.",
        "ec2": "A parameter of RunInstances replaces the template's of the same name whole, lists of interfaces and tags as well; what AWS merges there is not verified.",
        "ec2": "What a template names is checked when it is used; the warning that CreateLaunchTemplate answers with is never given.",
    ]
    NAME = "ec2.launch-template.name" {
        says: "A launch template has a name of 3 to 128 letters, digits, and ( ) . - / _.",
        source: "EC2 API model, LaunchTemplateName; API reference, Error codes",
        answer: "InvalidLaunchTemplateName.MalformedException",
        proof: Api,
    }
    NAME_TAKEN = "ec2.launch-template.name-taken" {
        says: "A name can be used once.",
        source: "EC2 API reference, Error codes",
        answer: "InvalidLaunchTemplateName.AlreadyExistsException",
        proof: Api,
    }
    TOKEN = "ec2.launch-template.token" {
        says: "The same client token makes one launch template.",
        source: "EC2 API model, CreateLaunchTemplate, ClientToken",
        answer: "-",
        proof: Api,
    }
    DATA = "ec2.launch-template.data" {
        says: "A launch template holds at least one parameter.",
        source: "EC2 API model, CreateLaunchTemplate, LaunchTemplateData is required",
        answer: "MissingParameter",
        proof: Api,
    }
    UNKNOWN = "ec2.launch-template.unknown" {
        says: "A launch template that is named must exist; an id that does not is InvalidLaunchTemplateId.NotFound.",
        source: "EC2 API reference, Error codes",
        answer: "InvalidLaunchTemplateName.NotFoundException",
        proof: Api,
    }
    ONE_NAME = "ec2.launch-template.one-name" {
        says: "A launch template is named by id or by name, not by both.",
        source: "EC2 API model, LaunchTemplateSpecification",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    VERSION = "ec2.launch-template.version" {
        says: "A version that is named must exist; $Default and $Latest always do.",
        source: "EC2 API model, LaunchTemplateSpecification, Version; API reference, Error codes",
        answer: "InvalidLaunchTemplateId.VersionNotFound",
        proof: Api,
    }
    USED = "ec2.launch-template.used" {
        says: "RunInstances takes what it is not told from the launch template.",
        source: "EC2 API model, RunInstances, LaunchTemplate",
        answer: "-",
        proof: Api,
    }
    OVERRIDE = "ec2.launch-template.override" {
        says: "What RunInstances is told counts before what the launch template says.",
        source: "EC2 API model, RunInstances, LaunchTemplate",
        answer: "-",
        proof: Api,
    }
}
