"""What was found in one side of one exchange."""

import json
import pathlib

DATA = pathlib.Path(__file__).parent / "data"
# Where a model is known to be wrong about AWS: (service, shape, trait), with a reason in the file.
MODEL_ERRORS = {
    (entry["service"], entry["shape"], entry["trait"]): entry["reason"]
    for entry in json.loads((DATA / "model_errors.json").read_text())
}


class Report:
    """Findings, each a path into the shape and why it is wrong there."""

    def __init__(self, service):
        self.service = service
        self.findings = []

    def add(self, path, why):
        self.findings.append((path or "-", why))

    def breaks(self, shape, trait, path, why):
        """A value breaks a trait of its shape, unless the model is known to be wrong."""
        if (self.service, shape.name, trait) not in MODEL_ERRORS:
            self.add(path, why)
