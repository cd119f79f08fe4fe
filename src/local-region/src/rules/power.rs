//! StopInstances, StartInstances and power-offs from inside.

super::rules! {
    gaps: [
        "ec2": "A stop waits 20 s for an orderly shutdown before it uses force; EC2 waits minutes.",
        "ec2": "What AWS answers to a stop while an instance that was stopped is pending again is not verified; it is refused here.",
        "ec2": "A stopped instance that is terminated is shutting-down for a moment.",
        "ec2": "An instance that starts again runs outside of Capacity Reservations.",
        "ec2": "A Spot instance that powers itself off is terminated, whatever its shutdown behaviour; this is not verified.",
        "ec2": "A power cut loses nothing that was written, synced or not: this computer keeps power.",
        "ec2": "A machine whose clock was moved (`nixl-region machine-clock`) shows the kernel's times on files; static programs, timers that wait already and waits on conditions and semaphores that end by the calendar clock do not notice.",
        "ec2": "A machine has the GPUs of its type in NVML alone, by a library in the place of NVIDIA's whose answers `nixl-region gpu` changes; nothing computes on them, and the kernel knows none.",
        "ec2": "A machine without power (`nixl-region power-cut`) is still `running` and passes its status checks.",
    ]
    STOP_SPOT = "ec2.stop.spot" {
        says: "An instance of a one-time Spot request cannot be stopped.",
        source: "EC2 user guide, Stop a Spot Instance; message: diodonfrost/terraform-aws-lambda-scheduler-stop-start pull request 8",
        answer: "UnsupportedOperation",
        proof: Api,
    }
    STOP_PENDING = "ec2.stop.pending" {
        says: "An instance that has never been running cannot be stopped.",
        source: "EC2 user guide, Instance lifecycle; message: cloud-custodian pull request 6014",
        answer: "IncorrectInstanceState",
        proof: Api,
    }
    STOP_STATE = "ec2.stop.state" {
        says: "An instance that is being terminated cannot be stopped; then none of the call is.",
        source: "EC2 API reference, Error codes, IncorrectInstanceState; message as in CloudTrail records",
        answer: "IncorrectInstanceState",
        proof: Api,
    }
    STOP_HIBERNATE = "ec2.stop.hibernate" {
        says: "Only an instance that was launched for it can be hibernated; none here is.",
        source: "EC2 API reference, StopInstances, Hibernate; the code is not verified",
        answer: "UnsupportedHibernationConfiguration",
        proof: Api,
    }
    START_STATE = "ec2.start.state" {
        says: "An instance that is still stopping, or that is being terminated, cannot be started; then none of the call is.",
        source: "EC2 API reference, Error codes, IncorrectInstanceState; message: canonical/ubuntu-pro-client pull request 1697",
        answer: "IncorrectInstanceState",
        proof: Api,
    }
    AGAIN = "ec2.stop.again" {
        says: "Stopping what is stopped and starting what runs changes nothing and is no error.",
        source: "EC2 user guide, Stop and start; stackshy/cloudemu pull request 153",
        answer: "-",
        proof: Api,
    }
    DISK_KEPT = "ec2.stop.disk" {
        says: "A stopped instance keeps its disk, and starts from it.",
        source: "EC2 user guide, How instance stop and start works",
        answer: "-",
        proof: Machines,
    }
    PUBLIC_ADDRESS = "ec2.stop.public-address" {
        says: "A stopped instance keeps its interfaces and private address; its public address is lost, and a start gives it another.",
        source: "EC2 user guide, How instance stop and start works",
        answer: "-",
        proof: Api,
    }
    REASON = "ec2.stop.reason" {
        says: "StateReason and StateTransitionReason tell who ended a run, and when, until the next start.",
        source: "EC2 API reference, StateReason; values: cloud-custodian issue 6924 and published describe-instances answers",
        answer: "-",
        proof: Api,
    }
    LAUNCH_TIME = "ec2.start.launch-time" {
        says: "LaunchTime is when the instance was last started.",
        source: "EC2 API reference, Instance, LaunchTime",
        answer: "-",
        proof: Api,
    }
    CAPACITY_FREED = "ec2.stop.capacity" {
        says: "A stopped instance uses no capacity.",
        source: "EC2 user guide, How instance stop and start works",
        answer: "-",
        proof: Api,
    }
    START_CAPACITY = "ec2.start.capacity" {
        says: "A start needs capacity like a launch.",
        source: "EC2 user guide, Troubleshoot instance launch issues, Insufficient instance capacity; message as reported by users",
        answer: "InsufficientInstanceCapacity",
        proof: Api,
    }
    GROUP_KEPT = "ec2.stop.placement-group" {
        says: "A stopped instance stays in its placement group, which so cannot be deleted.",
        source: "EC2 user guide, Delete a placement group: it must contain no instances",
        answer: "InvalidPlacementGroup.InUse",
        proof: Api,
    }
    FROM_INSIDE = "ec2.stop.from-inside" {
        says: "A power-off from inside stops or terminates the instance, as its shutdown behaviour says.",
        source: "EC2 user guide, Change instance initiated shutdown behavior",
        answer: "-",
        proof: Api,
    }
}
