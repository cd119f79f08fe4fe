"""Service models by the names that the recording uses."""

import functools
import re
import urllib.parse

import botocore.loaders
import botocore.model

# IAM prefixes that are not the model's name.
NAMES = {"servicequotas": "service-quotas"}


class Service:
    """The model of one service."""

    def __init__(self, name):
        model = botocore.loaders.create_loader().load_service_model(NAMES.get(name, name), "service-2")
        self.name = name
        self.model = botocore.model.ServiceModel(model, NAMES.get(name, name))
        self.protocol = self.model.metadata["protocol"]

    def operation(self, name):
        """The model of an operation, or nothing."""
        return self.model.operation_model(name) if name in self.model.operation_names else None

    @functools.cached_property
    def _routes(self):
        routes = []
        for name in self.model.operation_names:
            operation = self.model.operation_model(name)
            uri = operation.http["requestUri"].partition("?")[0]
            # `{Name}` is one segment of a path, `{Name+}` any number.
            parts = re.split(r"\{(\w+\+?)\}", uri)
            labels = parts[1::2]
            groups = [f"(?P<{label.rstrip('+')}>{'.+' if label.endswith('+') else '[^/]+'})" for label in labels]
            pattern = "".join(re.escape(part) + group for part, group in zip(parts[::2], [*groups, ""]))
            routes.append((len(labels), operation.http["method"], re.compile(pattern), operation))
        return sorted(routes, key=lambda route: route[0])

    def route(self, method, path):
        """Operation of a REST request and the labels in its path, decoded."""
        for _, wanted, pattern, operation in self._routes:
            found = pattern.fullmatch(path) if wanted == method else None
            if found:
                return operation, {k: urllib.parse.unquote(v) for k, v in found.groupdict().items()}
        return None, {}


@functools.cache
def service(name):
    """The service of this name; None where botocore has none."""
    try:
        return Service(name)
    except botocore.loaders.UnknownServiceError:
        return None
