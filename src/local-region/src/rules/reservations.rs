//! On-Demand Capacity Reservations.

super::rules! {
    gaps: [
        "ec2": "Capacity Reservations begin at once, are never changed or shared, and know no resource groups.",
        "ec2": "CapacityReservationPreference capacity-reservations-only is taken as open.",
        "ec2": "The codes for a reservation of another type or zone, for one that has ended and for bad end dates are not verified.",
    ]
    EXCEEDED = "ec2.reservation.exceeded" {
        says: "A launch into a reservation needs room for MinCount instances in it.",
        source: "EC2 API reference, Error codes, ReservationCapacityExceeded",
        answer: "ReservationCapacityExceeded",
        proof: Api,
    }
    MATCH = "ec2.reservation.match" {
        says: "A launch into a reservation has its type and zone and is not Spot.",
        source: "EC2 user guide, Launch instances into a Capacity Reservation",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    ENDED = "ec2.reservation.ended" {
        says: "A reservation that was cancelled or whose end date has passed takes no launches.",
        source: "EC2 user guide, Capacity Reservation states",
        answer: "InvalidCapacityReservationState",
        proof: Api,
    }
    GROUP = "ec2.reservation.placement-group" {
        says: "A launch into a cluster placement group finds no room in a reservation that was not made in that group.",
        source: "eksctl issue 7949, terraform-aws-eks issue 3730",
        answer: "InsufficientInstanceCapacity",
        proof: Api,
    }
    OPEN = "ec2.reservation.open" {
        says: "An open reservation is used by every launch that matches it, unless it asks for none.",
        source: "EC2 API model, InstanceMatchCriteria",
        answer: "-",
        proof: Api,
    }
    HELD = "ec2.reservation.held" {
        says: "Room held by a reservation is not there for other launches, used or not.",
        source: "EC2 user guide, On-Demand Capacity Reservations",
        answer: "InsufficientInstanceCapacity",
        proof: Api,
    }
    CAPACITY = "ec2.reservation.capacity" {
        says: "A reservation is made only if the zone has room for all of its instances.",
        source: "EC2 user guide, Create a Capacity Reservation",
        answer: "InsufficientInstanceCapacity",
        proof: Api,
    }
    END_DATE = "ec2.reservation.end-date" {
        says: "A limited reservation has an end date in the future; an unlimited one has none.",
        source: "EC2 API model, CreateCapacityReservation, EndDateType",
        answer: "InvalidParameterCombination",
        proof: Api,
    }
    PLATFORM = "ec2.reservation.platform" {
        says: "A reservation names a platform that EC2 knows; here only Linux/UNIX.",
        source: "EC2 API model, CapacityReservationInstancePlatform",
        answer: "InvalidParameterValue",
        proof: Api,
    }
    TOKEN = "ec2.reservation.token" {
        says: "The same client token makes one reservation; with other parameters it is refused.",
        source: "EC2 developer guide, Ensuring idempotency",
        answer: "IdempotentParameterMismatch",
        proof: Api,
    }
    CANCEL_UNKNOWN = "ec2.reservation.cancel-unknown" {
        says: "Only a reservation that exists is cancelled.",
        source: "EC2 API reference, Error codes, InvalidCapacityReservationId.NotFound",
        answer: "InvalidCapacityReservationId.NotFound",
        proof: Api,
    }
}
