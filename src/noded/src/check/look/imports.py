# Imports what it is given the names of and says after each step how that went,
# a line each, so that of one that crashes or hangs is known how far it came.
import importlib, importlib.metadata, importlib.util, json, sys

def tell(what, state, **more):
    sys.__stdout__.write("nixl-check " + json.dumps(dict(what=what, state=state, **more)) + "\n")
    sys.__stdout__.flush()

def version(*names):
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    return None

def words(error):
    return (type(error).__name__ + ": " + str(error))[:500]

def plugins():
    from nixl._api import nixl_agent, nixl_agent_config
    # Without a backend it opens no device.
    return list(nixl_agent("nixl-noded-check", nixl_agent_config(backends=[])).get_plugin_list())

DISTRIBUTIONS = {"nixl": ("nixl", "nixl-cu13", "nixl-cu12"), "vllm": ("vllm",)}

tell("python", "found", version=sys.version.split()[0])
for name in sys.argv[1:]:
    known = version(*DISTRIBUTIONS[name])
    try:
        if importlib.util.find_spec(name) is None:
            tell(name, "missing")
            continue
        tell(name, "found", version=known)
        importlib.import_module(name)
        tell(name, "imported", version=known)
    except BaseException as error:
        tell(name, "failed", version=known, why=words(error))
        continue
    if name == "nixl":
        try:
            tell("plugins", "imported", plugins=plugins())
        except BaseException as error:
            tell("plugins", "failed", why=words(error))
