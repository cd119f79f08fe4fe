//! `at(yyyy-mm-ddThh:mm:ss)` in a time zone.

use super::{Input, invalid};
use crate::api::{ApiError, Call};
use crate::rules::scheduler as rules;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Length of `yyyy-mm-ddThh:mm:ss`; a fraction or an offset is not taken.
const DATE_TIME_CHARS: usize = 19;

/// Expression, time zone and when that is.
pub fn read(call: &Call<'_>, input: &Input<'_>) -> Result<(String, String, Timestamp), ApiError> {
    let in_force = &call.region.rules;
    let expression = input.text("ScheduleExpression").unwrap_or_default();
    let name = input.text("ScheduleExpressionTimezone").unwrap_or("UTC");
    if expression.starts_with("rate(") || expression.starts_with("cron(") {
        return Err(invalid(format!(
            "The local region has one-time schedules only, at(...), not {expression}"
        )));
    }
    let inside = expression.strip_prefix("at(").and_then(|rest| rest.strip_suffix(')'));
    let local: Option<DateTime> =
        inside.filter(|text| text.len() == DATE_TIME_CHARS).and_then(|text| text.parse().ok());
    in_force.check(&rules::EXPRESSION, local.is_some(), || {
        invalid(format!("Invalid Schedule Expression {expression}."))
    })?;
    let zone = TimeZone::get(name).ok();
    in_force.check(&rules::TIMEZONE_UNKNOWN, zone.is_some(), || {
        invalid(format!("The ScheduleExpressionTimezone {name} is not valid."))
    })?;
    let zone = zone.filter(|_| in_force.on(&rules::TIMEZONE)).unwrap_or(TimeZone::UTC);
    let at = local.and_then(|local| zone.to_timestamp(local).ok());
    Ok((expression.to_owned(), name.to_owned(), at.unwrap_or(call.region.clock.now())))
}
