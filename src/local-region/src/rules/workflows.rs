//! Image Builder's workflows.

super::rules! {
    gaps: [
        "imagebuilder": "A build runs Image Builder's workflow build-image, and nothing else. Workflows of one's own are made, read and listed for all stages; those that test run if they launch instances, execute components and terminate instances, without conditions and parameters. CreateImage refuses others, and an image without a workflow that builds.",
        "imagebuilder": "Test workflows run one after another, also in a parallel group; RetryImage runs all of an image's again. A workflow in which a step failed that says Continue ends well; not verified.",
        "imagebuilder": "Of a step's inputs healthCheck and timeoutSeconds have no effect. Image Builder's own workflows are two, in few words; their test has three steps where AWS's has four.",
        "imagebuilder": "Of what an execution role may do, ec2:RunInstances is asked for, when a test instance starts; EC2ImageBuilderExecutionPolicy allows just that here.",
        "imagebuilder": "Not verified: the codes of a missing execution role, of one that is not there or trusts somebody else, of too many workflows, of an owner whose workflows are not listed, and what tests that are off mean for an image with test workflows (here that none runs).",
    ]
    EXISTS = "imagebuilder.workflow.exists" {
        says: "The same workflow again is refused; another document becomes the next build of its version.",
        source: "Image Builder API reference, CreateWorkflow",
        answer: "ResourceAlreadyExistsException",
        proof: Api,
    }
    DOCUMENT = "imagebuilder.workflow.document" {
        says: "A document is YAML of schema 1.0 with at most 15 steps, 25 parameters and 25 outputs; a step has a name of its own, its timeout is 1 second to 24 hours, it fails as Abort or Continue, and it refers to steps before it.",
        source: "Image Builder user guide, Create a YAML workflow document; Manage build, test, and distribution workflows, Workflow resource constraints",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    ACTION = "imagebuilder.workflow.action" {
        says: "The action of a step is one that Image Builder has, in a stage that has it.",
        source: "Image Builder user guide, Supported step actions for your workflow document; API reference, CreateWorkflow, type",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    INPUTS = "imagebuilder.workflow.inputs" {
        says: "A step has the inputs that its action needs and no others: LaunchInstance waits for ssmAgent, and takes a list of instance types.",
        source: "Image Builder user guide, Supported step actions for your workflow document",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    OWNER = "imagebuilder.workflow.owner" {
        says: "Workflows are listed that are one's own, or Image Builder's (Amazon); not shared ones and not those of third parties.",
        source: "Image Builder API model, ListWorkflows, owner",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    COUNT = "imagebuilder.workflow.count" {
        says: "An image has at most ten workflows, of which one builds and one distributes.",
        source: "Image Builder user guide, Manage build, test, and distribution workflows, Workflow resource constraints",
        answer: "InvalidRequestException",
        proof: Api,
    }
    GROUP = "imagebuilder.workflow.group" {
        says: "Parallel groups and what a failure means are said of test workflows only.",
        source: "Image Builder user guide, Configure image pipeline workflows, Note",
        answer: "InvalidParameterCombinationException",
        proof: Api,
    }
    ROLE_NEEDED = "imagebuilder.execution-role.needed" {
        says: "Who names workflows names an execution role.",
        source: "Image Builder API model, CreateImage, executionRole; message: agent-toolkit-for-aws, custom-workflows",
        answer: "InvalidRequestException",
        proof: Api,
    }
    ROLE_TRUST = "imagebuilder.execution-role.trust" {
        says: "An execution role exists and trusts imagebuilder.amazonaws.com, which says for which account it acts (aws:SourceAccount).",
        source: "Image Builder user guide, Configure image pipeline workflows, Specify the IAM service role; agent-toolkit-for-aws, custom-workflows",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    ROLE_MAY = "imagebuilder.execution-role.may" {
        says: "Image Builder launches the test instance as the execution role: without ec2:RunInstances its step fails.",
        source: "Image Builder user guide, Manage build, test, and distribution workflows, Service access",
        answer: "-",
        proof: Api,
    }
    TEST_TYPE = "imagebuilder.workflow.instance-types" {
        says: "LaunchInstance tries the types of instanceTypesOverride in their order, in place of those of the infrastructure configuration, where the image is still built.",
        source: "Image Builder user guide, Supported step actions for your workflow document, LaunchInstance",
        answer: "-",
        proof: Api,
    }
    ROLLBACK = "imagebuilder.workflow.rollback" {
        says: "Where a workflow fails, the instances that its steps launched are terminated; steps behind the one that failed stay PENDING.",
        source: "Image Builder user guide, Create a YAML workflow document, onFailure; Supported step actions, LaunchInstance, Rollback",
        answer: "-",
        proof: Api,
    }
}
