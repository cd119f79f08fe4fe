//! The public Debian 12 image of the region, and the public parameter that
//! names it (Debian wiki, "Amazon EC2 Image: Bookworm").

use crate::server::RegionConfig;
use crate::state::{State, ec2::Image, ssm::Parameter};

/// Account under which Debian publishes its images.
const ACCOUNT: &str = "136693071363";
/// Parameter with the id of the newest image.
pub const PARAMETER: &str = "/aws/service/debian/release/12/latest/amd64";

/// Registers image and parameter.
pub fn register(state: &mut State, config: &RegionConfig) {
    let name = format!("debian-12-amd64-{}", jiff::Timestamp::now().strftime("%Y%m%d-0000"));
    let image = Image {
        description: "Debian 12 (bookworm)".to_owned(),
        public: true,
        ..Image::new(name, ACCOUNT, config.base_image.clone())
    };
    let mut parameter = Parameter::new("String", "aws:ec2:image", &image.id, ACCOUNT);
    parameter.public = true;
    state.ssm.insert(PARAMETER.to_owned(), parameter);
    state.ec2.images.insert(image.id.clone(), image);
}
