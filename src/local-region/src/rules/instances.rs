//! Instances after the launch.

super::rules! {
    gaps: [
        "ec2": "ModifyInstanceAttribute sets protection, shutdown behaviour, source/destination check, user data, type and groups; nothing else.",
        "ec2": "The source/destination check is kept and told, but has no effect on traffic.",
        "ec2": "Metadata options are applied at once, also where AWS's answer says pending.",
        "ec2": "The code of a launch of protected Spot instances is not verified, nor are the messages of refused states.",
        "ec2": "`nixl-region notice` announces to Spot and other instances alike, in IMDS only: nothing happens at the time announced, and DescribeInstanceStatus and EventBridge do not know of it. The descriptions of scheduled events are not verified.",
        "ec2": "Force and SkipOsShutdown of TerminateInstances have no effect: the disk of what is ended is gone anyway.",
    ]
    ID_FORM = "ec2.instance.id-form" {
        says: "An instance id is i- and 8 or 17 hexadecimal digits.",
        source: "EC2 API reference, Error codes, InvalidInstanceID.Malformed",
        answer: "InvalidInstanceID.Malformed",
        proof: Api,
    }
    ID_UNKNOWN = "ec2.instance.unknown" {
        says: "If one of the instances does not exist, none is described, rebooted or terminated.",
        source: "EC2 API model, TerminateInstances; EC2 API reference, Error codes, InvalidInstanceID.NotFound",
        answer: "InvalidInstanceID.NotFound",
        proof: Api,
    }
    ID_NEEDED = "ec2.instance.id-needed" {
        says: "A call that acts on instances names one.",
        source: "EC2 API model, TerminateInstances, required members",
        answer: "MissingParameter",
        proof: Api,
    }
    CONSOLE_KEPT = "ec2.instance.console-kept" {
        says: "GetConsoleOutput tells of a terminated instance what its console said last, as long as it is known.",
        source: "EC2 API reference, GetConsoleOutput: available for at least an hour after the most recent post; EC2 user guide, Instance console output",
        answer: "-",
        proof: Api,
    }
    TERMINATE_AGAIN = "ec2.terminate.again" {
        says: "Terminating an instance that is terminated succeeds, as long as it is known.",
        source: "EC2 API model, TerminateInstances",
        answer: "-",
        proof: Api,
    }
    PROTECTED = "ec2.terminate.protected" {
        says: "An instance with DisableApiTermination, set at the launch or later, is not terminated.",
        source: "EC2 user guide, Change instance termination protection; message: aws-nuke issue 279",
        answer: "OperationNotPermitted",
        proof: Api,
    }
    PROTECTED_ZONE = "ec2.terminate.protected-zone" {
        says: "A protected instance keeps all of the call in its zone alive; those in other zones are terminated though the call fails.",
        source: "EC2 API model, TerminateInstances",
        answer: "OperationNotPermitted",
        proof: Api,
    }
    STOP_PROTECTED = "ec2.stop.protected" {
        says: "An instance with DisableApiStop is not stopped, and not terminated either.",
        source: "EC2 user guide, Enable stop protection; message: cloud-custodian pull request 8007",
        answer: "OperationNotPermitted",
        proof: Api,
    }
    PROTECT_SPOT = "ec2.instance.protect-spot" {
        says: "Spot instances cannot be protected.",
        source: "EC2 API model, ModifyInstanceAttribute; code and message: cloud-custodian issue 2083",
        answer: "UnsupportedOperation",
        proof: Api,
    }
    REBOOT_STATE = "ec2.reboot.state" {
        says: "Only a running instance is rebooted.",
        source: "EC2 API reference, Error codes, IncorrectInstanceState",
        answer: "IncorrectInstanceState",
        proof: Api,
    }
    ATTRIBUTE = "ec2.instance.attribute" {
        says: "An attribute that is described or modified by name is one of EC2's.",
        source: "EC2 API model, InstanceAttributeName",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    ONE_ATTRIBUTE = "ec2.instance.one-attribute" {
        says: "ModifyInstanceAttribute sets one attribute at a time.",
        source: "EC2 API model, ModifyInstanceAttribute; the code is not verified",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    MODIFY_LIVE = "ec2.instance.modify-live" {
        says: "An instance that is being terminated is not modified.",
        source: "EC2 API reference, Error codes, IncorrectInstanceState; cloud-custodian pull request 7598",
        answer: "IncorrectInstanceState",
        proof: Api,
    }
    MODIFY_STOPPED = "ec2.instance.modify-stopped" {
        says: "Type and user data are modified only while the instance is stopped.",
        source: "EC2 user guide, Modify a stopped instance; cluster-api-provider-aws issue 1387",
        answer: "IncorrectInstanceState",
        proof: Api,
    }
    MODIFY_INTERFACE = "ec2.instance.modify-interface" {
        says: "Groups and source/destination check of an instance with several interfaces are set per interface.",
        source: "EC2 API model, ModifyInstanceAttribute; ansible issue 27917",
        answer: "InvalidInstanceID",
        proof: Api,
    }
    INSTANCE_TYPE = "ec2.instance.type" {
        says: "A new type is one that exists.",
        source: "EC2 API model, ModifyInstanceAttribute, InstanceType",
        answer: "InvalidInstanceAttributeValue",
        proof: Api,
    }
    METADATA_STATE = "ec2.instance.metadata-state" {
        says: "Metadata options are modified while the instance is running or stopped.",
        source: "EC2 API model, ModifyInstanceMetadataOptions; the code is not verified",
        answer: "IncorrectInstanceState",
        proof: Api,
    }
}
