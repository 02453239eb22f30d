"""Watches which operations of a client its scripts call, without touching the client.

At the end a script writes the client's public operations and those of them that it called itself to the file that
`OPERATIONS` names.
"""

import atexit
import importlib
import inspect
import json
import os
import pkgutil
import sys

PACKAGE = "PowerPlatform.Dataverse"
SYNC = [f"{PACKAGE}.{module}" for module in ["client", "models.filters", "models.query_builder", "models.fetchxml_query"]]
SYNC += [f"{PACKAGE}.operations"]
ASYNC = [f"{PACKAGE}.aio.{module}" for module in ["async_client", "models", "operations"]]

SCRIPTS = os.path.dirname(os.path.abspath(__file__))


def modules_of(names):
    """These modules and, of packages, those in them."""
    for module in map(importlib.import_module, names):
        yield module
        for inner in pkgutil.iter_modules(getattr(module, "__path__", [])):
            yield importlib.import_module(f"{module.__name__}.{inner.name}")


def public_operations(names):
    """The names of every public method of every public class of these modules."""
    operations = set()
    for module in modules_of(names):
        for name, kind in inspect.getmembers(module, inspect.isclass):
            if name.startswith("_") or kind.__module__ != module.__name__:
                continue
            methods = (method for method, _ in inspect.getmembers(kind, inspect.isfunction))
            operations.update(f"{name}.{method}" for method in methods if not method.startswith("_"))
    return operations


def watch(*modules):
    """Watches the public operations of these modules from now on."""
    operations = public_operations(modules)
    called = set()

    def see(frame, event, _):
        # What the client calls of itself does not count.
        if event == "call" and frame.f_back and frame.f_back.f_code.co_filename.startswith(SCRIPTS):
            classes = type(frame.f_locals.get("self")).__mro__
            called.update(operations.intersection(f"{kind.__name__}.{frame.f_code.co_name}" for kind in classes))

    def tell():
        sys.setprofile(None)
        with open(os.environ["OPERATIONS"], "w", encoding="utf-8") as file:
            json.dump({"public": sorted(operations), "called": sorted(called)}, file)

    atexit.register(tell)
    sys.setprofile(see)
