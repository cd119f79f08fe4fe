"""Image Builder, from components to an AMI."""

import uuid

from .base import NAME, check, client, refused, wait

WORKFLOW = """name: %s
schemaVersion: 1.0
steps:
- name: LaunchTestInstance
  action: LaunchInstance
  inputs: {waitFor: ssmAgent, instanceTypesOverride: [%s]}
- name: ApplyTestComponents
  action: ExecuteComponents
  inputs: {instanceId.$: $.stepOutputs.LaunchTestInstance.instanceId}
- name: TerminateTestInstance
  action: TerminateInstance
  onFailure: Continue
  inputs: {instanceId.$: $.stepOutputs.LaunchTestInstance.instanceId}
"""
DOCUMENT = """schemaVersion: 1.0
phases:
- name: build
  steps:
  - name: install
    action: ExecuteBash
    inputs:
      commands: ['echo %s']
"""


def build(uri):
    """Returns the AMI; its parent is the public Debian image."""
    builder, ec2 = client("imagebuilder"), client("ec2")

    def token():
        return {"clientToken": uuid.uuid4().hex}

    def component(name, **source):
        return builder.create_component(name=name, semanticVersion="1.0.0", platform="Linux", tags={"judge": NAME}, **source, **token())["componentBuildVersionArn"]

    first = component(NAME, data=DOCUMENT % "inline")
    check(first.endswith("/1.0.0/1"), first)
    refused("ResourceAlreadyExistsException", component, name=NAME, data=DOCUMENT % "inline")
    check(component(NAME, data=DOCUMENT % "other").endswith("/1.0.0/2"), "next build")
    second = component(NAME + "-uri", uri=uri)
    refused("InvalidParameterValueException", component, name=NAME + "y", data="x" * 16001)
    refused("InvalidParameterValueException", component, name=NAME + "y", data="nonsense: true")
    refused("InvalidParameterCombinationException", component, name=NAME + "y", data="x", uri=uri)
    got = builder.get_component(componentBuildVersionArn=first)["component"]
    check(got["data"] == DOCUMENT % "inline" and got["type"] == "BUILD" and got["tags"] == {"judge": NAME}, got)
    listed = builder.list_components(owner="Self", filters=[{"name": "name", "values": [NAME]}])["componentVersionList"]
    check(len(listed) == 1 and listed[0]["version"] == "1.0.0", listed)
    check(len(builder.list_component_build_versions(componentVersionArn=first.rsplit("/", 1)[0])["componentSummaryList"]) == 2, "builds")

    recipe_request = {
        "name": NAME, "semanticVersion": "1.0.0", "parentImage": "ssm:/aws/service/debian/release/12/latest/amd64",
        "components": [{"componentArn": first}, {"componentArn": second}], "amiTags": {"nixl:digest": "abc"}, **token(),
    }
    recipe = builder.create_image_recipe(**recipe_request)["imageRecipeArn"]
    check(builder.create_image_recipe(**recipe_request)["imageRecipeArn"] == recipe, "same token")
    refused("IdempotentParameterMismatchException", builder.create_image_recipe, **{**recipe_request, "description": "other"})
    refused("ResourceAlreadyExistsException", builder.create_image_recipe, **{**recipe_request, **token()})
    refused("ResourceDependencyException", builder.delete_component, componentBuildVersionArn=first)
    check(builder.get_image_recipe(imageRecipeArn=recipe)["imageRecipe"]["amiTags"] == {"nixl:digest": "abc"}, "recipe")
    check(builder.list_image_recipes()["imageRecipeSummaryList"], "recipes")
    refused("InvalidParameterValueException", builder.create_infrastructure_configuration, name=NAME, instanceProfileName="none", **token())
    refused("DryRunOperationException", builder.create_infrastructure_configuration, name=NAME, instanceProfileName=NAME, dryRun=True, **token())
    infrastructure = builder.create_infrastructure_configuration(
        name=NAME, instanceProfileName=NAME, instanceTypes=["t3.micro"], tags={"judge": NAME}, **token()
    )["infrastructureConfigurationArn"]
    got = builder.get_infrastructure_configuration(infrastructureConfigurationArn=infrastructure)
    check(got["infrastructureConfiguration"]["instanceProfileName"] == NAME, got)
    check(builder.list_infrastructure_configurations()["infrastructureConfigurationSummaryList"], "infrastructures")

    def distribution(ami_name):
        return [{"region": "us-east-1", "amiDistributionConfiguration": {"name": ami_name, "amiTags": {"judge": NAME}}}]

    refused("InvalidParameterValueException", builder.create_distribution_configuration, name=NAME, distributions=distribution("plain"), **token())
    distributing = builder.create_distribution_configuration(
        name=NAME, distributions=distribution(NAME + " {{ imagebuilder:buildDate }}"), **token()
    )["distributionConfigurationArn"]
    got = builder.get_distribution_configuration(distributionConfigurationArn=distributing)["distributionConfiguration"]
    check(got["distributions"][0]["region"] == "us-east-1", got)
    check(builder.list_distribution_configurations()["distributionConfigurationSummaryList"][0]["regions"] == ["us-east-1"], "distributions")

    request = {
        "imageRecipeArn": recipe, "infrastructureConfigurationArn": infrastructure,
        "distributionConfigurationArn": distributing, "tags": {"judge": NAME}, **token(),
        "imageTestsConfiguration": {"imageTestsEnabled": False},
    }
    build = builder.create_image(**request)["imageBuildVersionArn"]
    check(builder.create_image(**request)["imageBuildVersionArn"] == build, "same token, same image")

    def done(arn):
        def probe():
            found = builder.get_image(imageBuildVersionArn=arn)["image"]
            return found if found["state"]["status"] in ("AVAILABLE", "FAILED", "CANCELLED") else None

        return wait("image", probe)

    got = done(build)
    check(got["state"]["status"] == "AVAILABLE", got["state"])
    ami = got["outputResources"]["amis"][0]["image"]
    tags = {t["Key"]: t["Value"] for t in ec2.describe_images(ImageIds=[ami])["Images"][0]["Tags"]}
    check(tags["nixl:digest"] == "abc" and tags["judge"] == NAME and tags["CreatedBy"] == "EC2 Image Builder", tags)
    found = ec2.describe_images(Owners=["self"], Filters=[{"Name": "tag:nixl:digest", "Values": ["abc"]}, {"Name": "name", "Values": [NAME + " *"]}, {"Name": "state", "Values": ["available"]}])["Images"]
    check([i["ImageId"] for i in found] == [ami], found)
    work = builder.list_workflow_executions(imageBuildVersionArn=build)["workflowExecutions"][0]
    check(work["status"] == "COMPLETED" and (work["totalStepsSucceeded"], work["totalStepsSkipped"], work["totalStepCount"]) == (6, 1, 7), work)
    steps = builder.list_workflow_step_executions(workflowExecutionId=work["workflowExecutionId"])["steps"]
    check(len(steps) == 7 and steps[1]["name"] == "ApplyBuildComponents" and steps[1]["endTime"], steps)
    stream = build.split("/", 2)[2]
    check(client("logs").describe_log_streams(logGroupName=f"/aws/imagebuilder/{NAME}")["logStreams"][0]["logStreamName"] == stream, stream)
    events = client("logs").get_log_events(logGroupName=f"/aws/imagebuilder/{NAME}", logStreamName=stream, startFromHead=True)["events"]
    check(events[-1]["message"] == "TOE has completed execution successfully", events)
    refused("ResourceNotFoundException", client("logs").describe_log_streams, logGroupName="/none")
    check(builder.list_image_build_versions(imageVersionArn=build.rsplit("/", 1)[0])["imageSummaryList"][0]["state"]["status"] == "AVAILABLE", "build versions")
    check(any(i["name"] == NAME for i in builder.list_images(owner="Self")["imageVersionList"]), "images")
    builder.tag_resource(resourceArn=build, tags={"k": "v"})
    check(builder.list_tags_for_resource(resourceArn=build)["tags"] == {"judge": NAME, "k": "v"}, "tags")
    builder.untag_resource(resourceArn=build, tagKeys=["k"])

    def workflow(document, **more):
        return builder.create_workflow(name=NAME, semanticVersion="1.0.0", type="TEST", data=document, tags={"judge": NAME}, **more, **token())["workflowBuildVersionArn"]

    testing = workflow(WORKFLOW % (NAME, "g6.12xlarge"))
    check(testing.endswith(":workflow/test/" + NAME.lower() + "/1.0.0/1"), testing)
    refused("ResourceAlreadyExistsException", workflow, document=WORKFLOW % (NAME, "g6.12xlarge"))
    refused("InvalidParameterValueException", workflow, document=(WORKFLOW % (NAME, "g6.12xlarge")).replace("ExecuteComponents", "Sleep"))
    refused("DryRunOperationException", workflow, document=WORKFLOW % (NAME, "p5.48xlarge"), dryRun=True)
    got = builder.get_workflow(workflowBuildVersionArn=testing[:-2])["workflow"]
    check(got["arn"] == testing and got["type"] == "TEST" and got["tags"] == {"judge": NAME}, got)
    listed = builder.list_workflows(owner="Self", filters=[{"name": "name", "values": [NAME]}])["workflowVersionList"]
    check([one["arn"] for one in listed] == [testing[:-2]], listed)
    check({one["name"] for one in builder.list_workflows(owner="Amazon")["workflowVersionList"]} == {"build-image", "test-image"}, "managed")
    check(len(builder.list_workflow_build_versions(workflowVersionArn=testing[:-2])["workflowSummaryList"]) == 1, "builds of a workflow")
    named = [{"workflowArn": "arn:aws:imagebuilder:us-east-1:aws:workflow/build/build-image/x.x.x"}, {"workflowArn": testing}]
    refused("InvalidRequestException", builder.create_image, imageRecipeArn=recipe, infrastructureConfigurationArn=infrastructure, workflows=named, **token())
    builder.delete_workflow(workflowBuildVersionArn=testing)
    refused("ResourceNotFoundException", builder.get_workflow, workflowBuildVersionArn=testing)

    failing = component(NAME + "-fails", data=DOCUMENT % "exit; exit 1")
    bad = builder.create_image_recipe(name=NAME, semanticVersion="1.0.x", parentImage=ami, components=[{"componentArn": failing}], **token())["imageRecipeArn"]
    check(bad.endswith("/1.0.1"), bad)
    failed = builder.create_image(imageRecipeArn=bad, infrastructureConfigurationArn=infrastructure, **token())["imageBuildVersionArn"]
    got = done(failed)["state"]
    check(got["status"] == "FAILED" and got["failureContext"]["componentFailure"]["componentArn"] == failing, got)
    stopped = builder.create_image(imageRecipeArn=recipe, infrastructureConfigurationArn=infrastructure, **token())["imageBuildVersionArn"]
    check(stopped.endswith("/1.0.0/2"), stopped)
    builder.cancel_image_creation(imageBuildVersionArn=stopped, **token())
    check(done(stopped)["state"]["status"] == "CANCELLED", "cancelled")
    refused("InvalidRequestException", builder.cancel_image_creation, imageBuildVersionArn=stopped, **token())

    for arn in [build, failed, stopped]:
        builder.delete_image(imageBuildVersionArn=arn)
    for arn in [recipe, bad]:
        builder.delete_image_recipe(imageRecipeArn=arn)
    refused("ResourceNotFoundException", builder.get_image_recipe, imageRecipeArn=recipe)
    builder.delete_infrastructure_configuration(infrastructureConfigurationArn=infrastructure)
    builder.delete_distribution_configuration(distributionConfigurationArn=distributing)
    for arn in [first, first[:-1] + "2", second, failing]:
        builder.delete_component(componentBuildVersionArn=arn)
    return ami


def down(ami, debian):
    ec2 = client("ec2")
    refused("AuthFailure", ec2.deregister_image, ImageId=debian)
    ec2.deregister_image(ImageId=ami)
    refused("InvalidAMIID.NotFound", ec2.describe_images, ImageIds=[ami])
