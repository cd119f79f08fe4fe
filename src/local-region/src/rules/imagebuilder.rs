//! Image Builder.

super::rules! {
    gaps: [
        "imagebuilder": "There is no build instance: documents run in a copy of the parent's root filesystem; a test instance is a machine of the region. No image is ever INTEGRATING.",
        "imagebuilder": "An infrastructure configuration without instance types tests on m5.large. On the test instance outputs of a step are told when it has ended.",
        "imagebuilder": "With --machines pretend documents are read and not run: their steps pass in moments, unless the script has a component fail, and the AMI has its distribution's name and tags and nothing in it.",
        "imagebuilder": "A reboot of a build ends what runs and empties /run; the kernel stays the one of this computer. WebDownload is curl of this computer; what it tries again is what curl does.",
        "imagebuilder": "Only Linux, one region and one account; no pipelines, container recipes, lifecycle policies or scans. A recipe or configuration is therefore never in use by a pipeline.",
        "imagebuilder": "Logs to S3 are not written; what a build's commands wrote is also `builds/build-<the UUID of its workflowExecutionId>/log` below the region's state folder. Of a workflow's own lines in CloudWatch Logs there are the few that are known word by word.",
        "imagebuilder": "An AMI id or SSM parameter as parent image is looked up when the image is built, not with the recipe.",
        "imagebuilder": "Distribution does not fail, so RetryImage goes on with tests only.",
        "imagebuilder": "For a build, block devices but for their key, instance types and settings of an infrastructure configuration have no effect, and its subnet and security groups are not looked up; a test instance is launched with them.",
        "imagebuilder": "Not verified: the codes of versions with more than one x, of a bad maxResults, of DeleteImage during a build and of CreateImage with a recipe that does not exist; which 1024 characters of a failure's message are kept; that outputResources names no AMI before an image is distributed.",
    ]
    NAME = "imagebuilder.name" {
        says: "A name is 3 to 128 letters, digits, dashes, underscores and inner spaces.",
        source: "Image Builder API model, ResourceName",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    NAME_NORMAL = "imagebuilder.name-normal" {
        says: "Names that differ only in case, space or underscore have the same ARN, so they collide.",
        source: "Image Builder API model, patterns of ARNs",
        answer: "ResourceAlreadyExistsException",
        proof: Api,
    }
    ARN = "imagebuilder.arn" {
        says: "An ARN has the form of its kind of resource; where one build is meant it has a build number.",
        source: "Image Builder API model, patterns of ARNs; boto3 issue 2224",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    NOT_FOUND = "imagebuilder.not-found" {
        says: "A resource that a request reads or deletes exists; the status is 404.",
        source: "Image Builder API model, ResourceNotFoundException; terraform-provider-aws",
        answer: "ResourceNotFoundException",
        proof: Api,
    }
    REFERENCE = "imagebuilder.reference" {
        says: "Components and parent images of a recipe, and what an image is made from, exist.",
        source: "Message: CreateImageRecipe as reported by users of Terraform, status 404",
        answer: "ResourceNotFoundException",
        proof: Api,
    }
    VERSION = "imagebuilder.version" {
        says: "A version is three numbers below 2^30.",
        source: "Image Builder API model, semanticVersion and InvalidVersionNumberException",
        answer: "InvalidVersionNumberException",
        proof: Api,
    }
    RECIPE_NEXT = "imagebuilder.recipe.next-version" {
        says: "One x in a recipe's version stands for the next free number.",
        source: "AWS news of 2025-11, EC2 Image Builder now supports auto-versioning",
        answer: "-",
        proof: Api,
    }
    RECIPE_ONE_X = "imagebuilder.recipe.one-x" {
        says: "A recipe's version has one x at most.",
        source: "AWS news of 2025-11, EC2 Image Builder now supports auto-versioning",
        answer: "InvalidVersionNumberException",
        proof: Api,
    }
    RECIPE_EXISTS = "imagebuilder.recipe.exists" {
        says: "A recipe does not change: its name and version are taken once.",
        source: "Message: modernisation-platform-ami-builds pull request 549",
        answer: "ResourceAlreadyExistsException",
        proof: Api,
    }
    RECIPE_COMPONENTS = "imagebuilder.recipe.components" {
        says: "A recipe has at most 20 components; the status is 402.",
        source: "EC2 Image Builder endpoints and quotas; ServiceQuotaExceededException",
        answer: "ServiceQuotaExceededException",
        proof: Api,
    }
    RECIPE_PARAMETERS = "imagebuilder.recipe.parameters" {
        says: "Parameters that a recipe gives to a component are declared in its document.",
        source: "Message: terraform-aws-ec2-image-builder issue 106",
        answer: "InvalidParameterCombinationException",
        proof: Api,
    }
    COMPONENT_EXISTS = "imagebuilder.component.exists" {
        says: "The same component again is refused; other content becomes the next build of its version.",
        source: "ec2-image-builder-roadmap issue 71",
        answer: "ResourceAlreadyExistsException",
        proof: Api,
    }
    COMPONENT_SIZE = "imagebuilder.component.data-size" {
        says: "A document in the request has at most 16000 characters.",
        source: "Image Builder API model, InlineComponentData and InlineWorkflowData",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    COMPONENT_SOURCE = "imagebuilder.component.source" {
        says: "A component or workflow is made from data or from a URI, not from both and not from neither.",
        source: "Image Builder API model, CreateComponent and CreateWorkflow",
        answer: "InvalidParameterCombinationException",
        proof: Api,
    }
    COMPONENT_DOCUMENT = "imagebuilder.component.document" {
        says: "A document has schema 1.0, phases build, validate and test, each once, and steps with an action and a name of their own.",
        source: "Image Builder user guide, Component document schema; cdk-github-runners issue 964",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    COMPONENT_TYPE = "imagebuilder.component.type" {
        says: "A document with the single phase test makes a TEST component, any other a BUILD component.",
        source: "Image Builder API model, CreateComponent",
        answer: "-",
        proof: Api,
    }
    COMPONENT_IN_USE = "imagebuilder.component.in-use" {
        says: "A component is deleted only when no recipe names it.",
        source: "Image Builder API model, DeleteComponent; message: pulumi issue 6919",
        answer: "ResourceDependencyException",
        proof: Api,
    }
    PROFILE = "imagebuilder.infrastructure.instance-profile" {
        says: "The instance profile of an infrastructure configuration exists.",
        source: "Image Builder API model, InvalidParameterValueException; message as reported by users of Terraform",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    AMI_NAME = "imagebuilder.distribution.ami-name" {
        says: "The name of a distributed AMI contains the build date and is at most 127 characters.",
        source: "Image Builder API model, AmiNameString; user guide, Distribution settings",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    KMS_KEY = "imagebuilder.distribution.kms-key" {
        says: "An AMI is encrypted with the key that its distribution names, else as its recipe says.",
        source: "Image Builder API reference, AmiDistributionConfiguration, kmsKeyId",
        answer: "-",
        proof: Api,
    }
    OUTPUTS = "imagebuilder.distribution.outputs" {
        says: "A distribution says what is made in each of its regions.",
        source: "Message: pulumi issue 6343",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    TOKEN_REPLAY = "imagebuilder.token-replay" {
        says: "The same client token with the same parameters gives the first answer and does nothing again.",
        source: "Image Builder API reference, Ensuring idempotency",
        answer: "-",
        proof: Api,
    }
    TOKEN_MISMATCH = "imagebuilder.token-mismatch" {
        says: "The same client token with other parameters is refused.",
        source: "Image Builder API model, IdempotentParameterMismatchException",
        answer: "IdempotentParameterMismatchException",
        proof: Api,
    }
    TOKEN_LENGTH = "imagebuilder.token-length" {
        says: "A client token has at most 64 characters.",
        source: "Image Builder API model, ClientToken",
        answer: "InvalidParameterValueException",
        proof: Api,
    }
    DRY_RUN = "imagebuilder.dry-run" {
        says: "A dry run makes nothing; that it would succeed is told by an error with status 412.",
        source: "Image Builder API model, DryRunOperationException",
        answer: "DryRunOperationException",
        proof: Api,
    }
    STATES = "imagebuilder.image.states" {
        says: "An image is BUILDING while its components run; its AMI is told only once it is AVAILABLE.",
        source: "Image Builder API model, ImageStatus",
        answer: "-",
        proof: Api,
    }
    WORKFLOW = "imagebuilder.workflow.steps" {
        says: "The workflow of a build has seven steps; all documents run in ApplyBuildComponents, and what follows a step that fails stays PENDING.",
        source: "AWS CLI, example of list-workflow-step-executions; aws-samples/amazon-ec2-image-builder-samples, debugging",
        answer: "-",
        proof: Api,
    }
    LOG = "imagebuilder.log" {
        says: "A build writes to CloudWatch Logs while it runs: group /aws/imagebuilder/<name>, stream <version>/<build>.",
        source: "Image Builder user guide, Monitor Image Builder logs with CloudWatch Logs; ec2-image-builder-roadmap issue 49",
        answer: "-",
        proof: Api,
    }
    REBOOT = "imagebuilder.toe.reboot" {
        says: "A step that ends with exit code 194 has the instance rebooted and runs again, without an attempt being spent; after a Reboot action the next step runs.",
        source: "Image Builder user guide, Action modules: ExecuteBash and Reboot",
        answer: "-",
        proof: Machines,
    }
    REBOOT_LIMIT = "imagebuilder.toe.reboot-limit" {
        says: "The documents of a stage have 15 reboots; one more, and they fail whatever the step's onFailure says.",
        source: "Image Builder user guide, Reboot action module; amazon-ssm-agent, Mds.CommandRetryLimit",
        answer: "-",
        proof: Machines,
    }
    WEB_DOWNLOAD = "imagebuilder.toe.web-download" {
        says: "WebDownload puts a file in place only if it has the checksum that is given with its algorithm, and does not download what is there with it.",
        source: "Image Builder user guide, Action modules: WebDownload",
        answer: "-",
        proof: Machines,
    }
    BUILD_ROLE = "imagebuilder.build.role" {
        says: "S3Download and S3Upload act as the role of the build instance: s3:GetObject and s3:PutObject on the object, and s3:ListBucket on the bucket only where objects are named by a prefix.",
        source: "Image Builder user guide, Action modules supported by AWSTOE component manager, S3Download and S3Upload, IAM policy",
        answer: "-",
        proof: Api,
    }
    TEST = "imagebuilder.image.test" {
        says: "Unless tests are off, an image is TESTING once it is built: an instance of the infrastructure's type starts from the AMI, the phases test of all components run on it, and it is ended before the image is distributed. If the test fails, the image is FAILED with imageStatus TESTING and its AMI stays with Image Builder's own tags, without its distribution's.",
        source: "Image Builder user guide, Manage build and test workflows, and Tag Image Builder output resources; API model, ImageTestsConfiguration and RetryImage; aws-parallelcluster pull request 3210",
        answer: "-",
        proof: Api,
    }
    FAILURE = "imagebuilder.image.failure" {
        says: "A failed build tells component, phase, step, action and message in failureContext.",
        source: "Image Builder API model, ImageFailureContext",
        answer: "-",
        proof: Api,
    }
    FAILURE_CUT = "imagebuilder.image.failure-cut" {
        says: "The message of a failed component is cut at 1024 characters.",
        source: "Image Builder API model, ComponentFailureContext, errorMessage",
        answer: "-",
        proof: Api,
    }
    CANCEL = "imagebuilder.image.cancel" {
        says: "A cancelled build stops after the answer; the image becomes CANCELLED and no AMI is made.",
        source: "Image Builder API model, CancelImageCreation",
        answer: "-",
        proof: Api,
    }
    CANCEL_ENDED = "imagebuilder.image.cancel-ended" {
        says: "Only an image that is being built can be cancelled.",
        source: "Image Builder API model, CancelImageCreation",
        answer: "InvalidRequestException",
        proof: Api,
    }
    DELETE_BUILDING = "imagebuilder.image.delete" {
        says: "An image is deleted only once its build has ended; its AMI stays.",
        source: "Image Builder API model, DeleteImage",
        answer: "InvalidRequestException",
        proof: Api,
    }
    RETRY = "imagebuilder.image.retry" {
        says: "Only an image that failed or was cancelled in its test or distribution is retried; the build is not run again.",
        source: "Image Builder API model, RetryImage",
        answer: "InvalidRequestException",
        proof: Api,
    }
    PAGE_SIZE = "imagebuilder.page-size" {
        says: "A page has 1 to 100 entries.",
        source: "Image Builder API model, RestrictedInteger",
        answer: "InvalidRequestException",
        proof: Api,
    }
    PAGE_TOKEN = "imagebuilder.page-token" {
        says: "A page is asked for with the token of the page before it.",
        source: "Image Builder API model, InvalidPaginationTokenException",
        answer: "InvalidPaginationTokenException",
        proof: Api,
    }
}
