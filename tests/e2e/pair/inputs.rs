//! Bad input and missing things: one clear error, the right code, nothing done.

use anyhow::{Result, ensure};
use nixl_tests::{Program, Region, programs::bin};

/// Before `up`: no endpoint there, no region there.
pub fn region_not_up(region: &Region) -> Result<()> {
    region.control().refused(&["status"], 1, &["nixl-region up"])?;
    region.control().refused(&["env"], 1, &["nixl-region up"])?;
    region.control().refused(&["exec", "nixl-node1", "--", "true"], 1, &["nixl-region up"])?;
    let nowhere = [
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", region.port())),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "x".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value));
    for (program, args) in commands() {
        Program::new(bin(program)).env(&nowhere).refused(&args, 1, &["nixl-region up"])?;
    }
    let nobody: Vec<_> = nowhere
        .into_iter()
        .filter(|(key, _)| !key.contains("KEY"))
        .chain([
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
            ("HOME".to_owned(), "/nonexistent".to_owned()),
        ])
        .collect();
    for (program, args) in commands() {
        Program::new(bin(program)).env(&nobody).refused(&args, 1, &["credentials"])?;
    }
    Ok(())
}

fn commands() -> Vec<(&'static str, Vec<&'static str>)> {
    let noded: &'static str = bin("nixl-noded").to_string_lossy().into_owned().leak();
    vec![
        ("nixl-bake", vec!["build", "--recipe", "image/recipe.toml", "--noded", noded]),
        ("nixl-launch", vec!["up"]),
        ("nixl-launch", vec!["status"]),
        ("nixl-launch", vec!["down"]),
    ]
}

/// An empty region has no image of ours.
pub fn no_image(region: &Region) -> Result<()> {
    region.program("nixl-launch").refused(&["up", "--provider", "tcp"], 1, &["nixl-bake build"])?;
    let found = region.venv_program("aws").json(&["iam", "list-roles"])?;
    ensure!(
        !found.to_string().contains("nixl-node"),
        "a role was made before the checks were in: {found}"
    );
    Ok(())
}

/// Usage errors are 2, failures are 1.
pub fn bad_input(region: &Region) -> Result<()> {
    for program in ["nixl-bake", "nixl-launch", "nixl-noded", "nixl-region"] {
        region.program(program).refused(&["--nonsense"], 2, &["--nonsense"])?;
    }
    region.program("nixl-launch").refused(&["--cluster", "Not A Name", "status"], 2, &["a-z"])?;
    region.program("nixl-launch").refused(
        &["up", "--instance-type", "g6.13xlarge"],
        1,
        &["g6.13xlarge"],
    )?;

    let folder = tempfile::tempdir()?;
    let recipe = folder.path().join("recipe.toml");
    let text = std::fs::read_to_string(nixl_tests::programs::root().join("image/recipe.toml"))?;
    let typo = text.replacen("\nname = ", "\nnaem = ", 1);
    ensure!(typo != text, "the recipe has no name");
    std::fs::write(&recipe, typo)?;
    let noded = bin("nixl-noded");
    region.program("nixl-bake").refused(
        &["build", "--recipe", &recipe.to_string_lossy(), "--noded", &noded.to_string_lossy()],
        1,
        &["recipe.toml:", "naem"],
    )?;
    region.program("nixl-bake").refused(
        &["build", "--recipe", "/nonexistent/recipe.toml", "--noded", &noded.to_string_lossy()],
        1,
        &["/nonexistent/recipe.toml"],
    )?;
    let buckets = region.venv_program("aws").ok(&["s3", "ls"])?;
    ensure!(buckets.is_empty(), "a bucket was made: {buckets}");

    // The region's own port is taken now: another region is told by whom.
    let port = region.port().to_string();
    let other = Program::new(bin("nixl-region")).env(&[(
        "NIXL_REGION_STATE_DIR".to_owned(),
        folder.path().join("other").to_string_lossy().into_owned(),
    )]);
    let venv = nixl_tests::programs::venv();
    other.refused(
        &["up", "--port", &port, "--venv", &venv.to_string_lossy()],
        1,
        &[&port, "nixl-region"],
    )
}

/// On a node: a second daemon is told who has the port.
pub fn taken_port(region: &Region) -> Result<()> {
    let output = region.exec("nixl-node1", &["nixl-noded", "run"])?;
    ensure!(output.code == 1, "{output}");
    ensure!(output.stderr.contains("9100") && output.stderr.contains("pid"), "{output}");
    Ok(())
}
