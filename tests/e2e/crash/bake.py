"""`nixl-bake` as programs of the matrix. Of `lock` and `build`: one image, one build that made it, and nothing to do afterwards.

A home holds nothing. Recipe, components and lock are where a checkout has them, the same for all runs in a region.
"""

import os
import pathlib
import subprocess

from audit import audit, counted
from matrix import Program, Scenario

IMAGE = pathlib.Path(__file__).parents[3] / "image"
# Documents are not run, so any program can stand for the daemon; a small one is uploaded faster.
DAEMON = "/usr/bin/env"
# Which image has this content, and what the parameter says (issue: at most three).
NOTHING_TO_DO_CALLS = 3
# In each of three regions that, who may launch and who may copy it, and which images it takes the place of.
PUBLISHED_CALLS = 15
PUBLISHED = ("--publish",)
PUBLISH = """
[publish]
regions = ["eu-west-1", "us-west-2"]
accounts = ["222233334444"]
copyable = true
deprecate_days = 7
"""
# The image is tested on an instance of this type while it is made, by one workflow and one role.
TESTED = ("--test-on", "g6.12xlarge")
OF_A_TEST = {"workflow": 1, "role": 2}
LATE = {"window": {"name": "iam.profile_visible", "length": "5s"}}
FAILS_ONCE = """
[[failing]]
component = "noded"
message = "disk full"
builds = 1
"""
TEST_FAILS_ONCE = FAILS_ONCE + "test = true\n"

SCENARIOS = (
    Scenario("cold", reads=True),
    Scenario("IAM is late", settings=(LATE,)),
    Scenario("a build that failed before", script=FAILS_ONCE, before=("build",)),
    Scenario("tested", build=TESTED),
    Scenario("a test that failed before", script=TEST_FAILS_ONCE, before=("build",), build=TESTED),
    Scenario("published in three regions", lock=PUBLISHED, build=PUBLISHED),
)


# Images whose times differ: EC2 tells seconds, and which of two is the older one must be known.
ONE_A_SECOND = 'step = "100ms"'
PRUNE_SCENARIOS = (
    Scenario("two images", script=ONE_A_SECOND, reads=True),
    # Older than both, and none of the images to keep. Only here Image Builder is asked, so reads are points, too.
    Scenario(
        "two images, a test that failed before",
        script=ONE_A_SECOND + TEST_FAILS_ONCE,
        before=("build tested",),
        reads=True,
    ),
)


def popen(line, environment, home):
    return subprocess.Popen(line, env=environment, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def of_recipe(binary, command, recipe, home):
    lock = os.path.join(os.path.dirname(home), "lock")
    os.makedirs(lock, exist_ok=True)
    return [binary, command, "--recipe", recipe, "--lock-dir", lock, "--noded", DAEMON]


def program(binary):
    def start(environment, home, command, arguments):
        if arguments == PUBLISHED:
            path, arguments = published(home), ()
        else:
            path = f"{IMAGE}/recipe.toml"
        return popen([*of_recipe(binary, command, path, home), *arguments], environment, home)

    return Program(
        "nixl-bake",
        start,
        commands=("lock", "build"),
        then=("build",),
        removes="",
        together=("build",),
        at_last=nothing_to_do,
    )


def prune(binary):
    """`nixl-bake prune` where a recipe has an old image and a new one."""

    def start(environment, home, command, _):
        if command == "prune":
            return popen([binary, "prune", "--keep", "1", "--yes"], environment, home)
        versions = {"build tested": ("0.0.9", *TESTED), "build": ("0.1.0",), "build again": ("0.1.1",)}
        version, *arguments = versions[command]
        line = of_recipe(binary, "build", recipe(home, version), home)
        return popen([*line, *arguments], environment, home)

    return Program(
        "nixl-bake prune",
        start,
        commands=("prune",),
        then=("prune",),
        removes="",
        after=("build", "build again"),
        together=("prune",),
        at_last=one_image,
    )


def recipe(home, version):
    """The recipe in another version."""
    text = (IMAGE / "recipe.toml").read_text()
    return written(home, f"recipe-{version}", text.replace('version = "0.1.0"', f'version = "{version}"'))


def published(home):
    """The recipe with what becomes of its image."""
    return written(home, "recipe-published", (IMAGE / "recipe.toml").read_text() + PUBLISH)


def written(home, name, text):
    """A recipe with the same components."""
    folder = pathlib.Path(home).parent / name
    folder.mkdir(exist_ok=True)
    for component in (one for one in IMAGE.iterdir() if one.is_dir()):
        link = folder / component.name
        if not link.is_symlink():
            link.symlink_to(component)
    recipe = folder / "recipe.toml"
    # Written once: a program that is still going may be reading it.
    if not recipe.exists():
        recipe.write_text(text)
    return str(recipe)


def one_image(run):
    """One image with its snapshot, and a further run that removes nothing."""
    before = audit(run.region.environment)
    kinds = counted(before)
    if (kinds.get("image available"), kinds.get("snapshot")) != (1, 1):
        return f"not one image with one snapshot: {kinds}"
    complaint = run.finish("prune")
    if audit(run.region.environment) != before:
        return "nothing was to be removed, and something changed"
    return complaint


def nothing_to_do(run):
    """One image that one build made, no machine, and a further run that finds it and makes nothing."""
    before = audit(run.region.environment)
    kinds = counted(before)
    if (kinds.get("image available"), kinds.get("build AVAILABLE")) != (1, 1):
        return f"not one image of one build: {kinds}"
    expected = OF_A_TEST if run.scenario.build == TESTED else {"workflow": 0, "role": 1}
    if any(kinds.get(kind, 0) != count for kind, count in expected.items()):
        return f"not {expected}: {kinds}"
    seen = len(run.region.laptop_calls())
    complaint = run.finish("build")
    calls = run.region.laptop_calls()[seen:]
    if len(calls) > (PUBLISHED_CALLS if run.scenario.build == PUBLISHED else NOTHING_TO_DO_CALLS):
        return f"nothing is to do, and it calls {calls}"
    if audit(run.region.environment) != before:
        return "there was nothing to do, and something changed"
    return complaint
