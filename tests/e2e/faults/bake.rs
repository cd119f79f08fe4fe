//! Baking while Image Builder throttles and answers get lost.

use super::region_faults::Faults;
use anyhow::{Result, ensure};

/// One image and one build, however often a call had to be made.
pub fn once(faults: &Faults<'_>) -> Result<()> {
    faults.set("add imagebuilder:CreateImage --times 1 --drop after")?;
    faults.set("add imagebuilder:* --times 3 --error CallRateLimitExceededException")?;
    faults.set("add imagebuilder:GetImage --nth 2 --truncate")?;
    let baked = faults.region.bake()?;
    ensure!(baked["reused"] == false, "{baked}");
    faults.fired()?;
    let aws = faults.region.venv_program("aws");
    let listed = aws.json(&["imagebuilder", "list-images"])?;
    let versions = listed["imageVersionList"].as_array().map_or(0, Vec::len);
    let images = aws.json(&["ec2", "describe-images", "--owners", "self"])?;
    let images = images["Images"].as_array().map_or(0, Vec::len);
    ensure!((versions, images) == (1, 1), "{versions} builds made {images} images");
    Ok(())
}
