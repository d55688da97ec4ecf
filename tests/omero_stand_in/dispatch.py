"""From a Slice interface and a class with some of its operations to an Ice servant."""

from __future__ import annotations

import sys
import traceback
from typing import Any, Protocol

import Ice
import omero

from tests.omero_stand_in.calls import Calls


class Service(Protocol):
    """The operations that are implemented, under their Ice names; the last argument is Ice.Current.

    interface: what generated code has for the Slice interface.
    """

    interface: Any


def not_implemented(what: str) -> Exception:
    """An exception that OMERO's clients can read."""
    message = f"{what} is not implemented by the stand-in for OMERO.server"
    return omero.InternalException(message, "NotImplemented", message)  # type: ignore[no-any-return]


def servant(service: Service, calls: Calls) -> Any:
    """An object for an Ice adapter. Each operation without a method raises and is counted.

    Generated code has asynchronous operations, NAME_async with a callback first, which would never
    answer if they were left as they are.
    """
    interface = service.interface
    label = interface.ice_staticId().rpartition("::")[2]
    members: dict[str, Any] = {}
    for operation in [name[4:] for name in dir(interface) if name.startswith("_op_")]:
        call = _caller(service, operation, f"{label}.{operation}", calls)
        if hasattr(interface, f"{operation}_async"):
            members[f"{operation}_async"] = _asynchronous(call)
        else:
            members[operation] = lambda self, *arguments, call=call: call(*arguments)
    return type(label, (interface,), members)()


def _caller(service: Service, operation: str, name: str, calls: Calls) -> Any:
    method = getattr(service, operation, None)

    def call(*arguments: Any) -> Any:
        if method is None:
            calls.refused(name)
            raise not_implemented(name)
        calls.answered(name)
        try:
            return method(*arguments)
        except Ice.Exception as refusal:
            if isinstance(refusal, omero.InternalException):
                calls.refused(f"{name}: {refusal.message}")
            raise
        except Exception as mistake:
            traceback.print_exc(file=sys.stderr)
            calls.refused(f"{name}: {mistake!r}")
            raise omero.InternalException(traceback.format_exc(), "", repr(mistake)) from mistake

    return call


def _asynchronous(call: Any) -> Any:
    def answer(self: Any, callback: Any, *arguments: Any) -> None:
        try:
            result = call(*arguments)
        except Exception as refusal:
            callback.ice_exception(refusal)
        else:
            # Not without an argument: Ice would read one that is not there, and crash. An operation
            # that returns nothing ignores the None.
            callback.ice_response(result)

    return answer
