//! The table: what each of EC2's codes means to a launch.
//!
//! Source: EC2 API reference, "Error codes"; the classes follow Karpenter's
//! and ParallelCluster's.

use super::Launch;

/// A row: any of the codes and, if given, any of the texts in the message.
#[derive(Debug)]
pub struct Row {
    /// AWS error codes; a final `*` stands for any end.
    pub codes: &'static [&'static str],
    /// Texts of which the message must have one; none means any message.
    pub texts: &'static [&'static str],
    /// What to do.
    pub launch: Launch,
    /// What a person can do, if the code does not say it.
    pub advice: Option<&'static str>,
}

const fn row(
    codes: &'static [&'static str],
    texts: &'static [&'static str],
    launch: Launch,
    advice: Option<&'static str>,
) -> Row {
    Row { codes, texts, launch, advice }
}

/// The first row that fits counts.
pub const LAUNCH: &[Row] = &[
    row(
        &["InsufficientInstanceCapacity", "InsufficientHostCapacity", "UnfulfillableCapacity"],
        &[],
        Launch::NextZone,
        None,
    ),
    // A type or market that is not sold in this zone, and a placement group
    // that somebody uses in another zone, stay so.
    row(&["Unsupported"], &[], Launch::NotHere, None),
    row(
        &["InvalidPlacementGroup.InUse"],
        &["another availability zone"],
        Launch::NotHere,
        Some(
            "instances of another launch are in this cluster's placement group, in another zone: end them, or choose another --cluster",
        ),
    ),
    row(&["InsufficientFreeAddressesInSubnet"], &[], Launch::NextSubnet, None),
    row(
        &["ReservationCapacityExceeded", "InsufficientReservedInstanceCapacity"],
        &[],
        Launch::Fail,
        Some("another zone does not help: free room in the reservation or name another one"),
    ),
    row(
        &["InvalidCapacityReservationId.*", "InvalidCapacityReservationState"],
        &[],
        Launch::Fail,
        Some("name a reservation that is active, of this type and in a zone that is tried"),
    ),
    row(
        // Spot has quotas by family as well (EC2 user guide, "Spot Instance quotas").
        &["VcpuLimitExceeded", "InstanceLimitExceeded", "MaxSpotInstanceCountExceeded"],
        &[],
        Launch::NextFamily,
        Some(
            "the quota holds for the whole region: ask for more with `aws service-quotas request-service-quota-increase` (`nixl-launch plan` prints the command) or choose a smaller --instance-type",
        ),
    ),
    row(
        &["SpotMaxPriceTooLow", "AuthFailure.ServiceLinkedRoleCreationNotPermitted"],
        &[],
        Launch::NextMarket,
        Some(
            "Spot cannot be used: add on-demand to the markets, or see to its service-linked role (`aws iam create-service-linked-role --aws-service-name spot.amazonaws.com`)",
        ),
    ),
    row(
        &["RequestLimitExceeded", "Throttling*", "EC2ThrottledException", "SlowDown"],
        &[],
        Launch::Retry,
        None,
    ),
    row(
        &["InvalidParameterValue"],
        &["Invalid IAM Instance Profile name", "has no associated IAM Roles"],
        Launch::AwaitIam,
        None,
    ),
    row(
        &[
            "InvalidPlacementGroup.Unknown",
            // Of a group that instances are just leaving.
            "InvalidPlacementGroup.InUse",
            "InvalidGroup.NotFound",
            "InvalidInstanceID.NotFound",
        ],
        &[],
        Launch::AwaitConsistency,
        None,
    ),
    row(&["IdempotentParameterMismatch"], &[], Launch::Adopt, None),
    row(&["IdempotentInstanceTerminated"], &[], Launch::NewGeneration, None),
    row(
        &["PendingVerification"],
        &[],
        Launch::Fail,
        Some("AWS is still verifying the account; try again in some hours"),
    ),
    row(
        &["UnauthorizedOperation", "AccessDenied*", "AuthFailure*", "OptInRequired", "Blocked"],
        &[],
        Launch::Fail,
        Some("the caller's own IAM policy or account must allow this"),
    ),
    row(
        &["ExpiredToken*", "RequestExpired", "InvalidClientTokenId", "SignatureDoesNotMatch"],
        &[],
        Launch::Fail,
        Some("sign in again, or check the credentials and the clock"),
    ),
    row(
        &["VolumeLimitExceeded"],
        &[],
        Launch::Fail,
        Some(
            "the account's storage quota in this region is used up: delete volumes or ask for more",
        ),
    ),
    row(
        &["AddressLimitExceeded"],
        &[],
        Launch::Fail,
        Some(
            "the account has no Elastic IP address left in this region (5 by default): release some, ask for more, or use --public-address none with a NAT gateway",
        ),
    ),
    row(
        &[
            "InvalidAMIID.*",
            "InvalidSubnetID.*",
            "InvalidUserData.*",
            "InvalidBlockDeviceMapping",
            "InvalidParameter*",
            "MissingParameter",
        ],
        &[],
        Launch::Fail,
        None,
    ),
];

/// What EC2 says of an instance that ended before it ran: these are of its own
/// making, and another place may have what is missing. The other reasons
/// (`Client.*`) would meet the next launch as well.
///
/// Source: EC2 API model, StateReason.
pub const ENDED_FOR_WANT_OF_ROOM: &[&str] = &[
    "Server.InsufficientInstanceCapacity",
    "Server.InternalError",
    "Server.SpotInstanceTermination",
    "Server.SpotInstanceShutdown",
    "Server.ScheduledStop",
];

/// Removal: already gone.
pub const GONE: &[&str] =
    &["*.NotFound", "InvalidPlacementGroup.Unknown", "NoSuch*", "ResourceNotFound*"];
/// Removal: something else must be gone first.
pub const IN_USE: &[&str] = &[
    "DependencyViolation",
    "InvalidPlacementGroup.InUse",
    "InvalidGroup.InUse",
    "InvalidNetworkInterface.InUse",
    "InvalidIPAddress.InUse",
    "VolumeInUse",
    "DeleteConflict",
    "ConflictException",
    "BucketNotEmpty",
    "OperationAborted",
];
/// Removal: an instance that is protected against it.
pub const PROTECTED: &[&str] = &["OperationNotPermitted"];
/// Creation: it is there already.
pub const DUPLICATE: &[&str] = &[
    "InvalidPermission.Duplicate",
    "InvalidGroup.Duplicate",
    "InvalidPlacementGroup.Duplicate",
    "EntityAlreadyExists*",
    "ConflictException",
    "BucketAlreadyOwnedByYou",
];
