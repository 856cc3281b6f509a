"""Parameters and documentation that a classifier inherits from its base class."""

from __future__ import annotations

import inspect
import re
from collections.abc import Container
from typing import Any


def inherit_parameters(cls: Any) -> None:
    """Extend the signature and the docstring of a class whose `__init__` passes ``**kwargs`` to that of its base.

    scikit-learn reads the parameters of an estimator from the signature. In the docstring the line
    ``<parameters of the module>`` stands for entries of the torch module's docstring, and ``<training parameters>`` and
    ``<fitted attributes>`` for entries of the base class. Entries that the class describes itself are left out.
    """
    base = next(base for base in cls.__mro__[1:] if "__init__" in vars(base))
    own = inspect.signature(cls.__init__)
    parameters = list(own.parameters.values())
    if "__init__" in vars(cls) and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD:
        inherited = inspect.signature(base.__init__).parameters
        parameters[-1:] = [parameter for name, parameter in inherited.items() if name not in own.parameters]
        cls.__init__.__signature__ = own.replace(parameters=parameters)
    if "__doc__" in vars(cls) and cls.__doc__:
        names = {parameter.name for parameter in parameters}
        docstring = inspect.cleandoc(cls.__doc__)
        if hasattr(cls, "module_class"):
            docstring = _insert(docstring, "<parameters of the module>", cls.module_class, "Parameters", names)
        docstring = _insert(docstring, "<training parameters>", base, "Parameters", names)
        cls.__doc__ = _insert(docstring, "<fitted attributes>", base, "Attributes")


def _insert(docstring: str, line: str, source: Any, section: str, names: Container[str] | None = None) -> str:
    """Replace a line by the entries of another docstring's section, without those described or not in `names`."""
    described = _entries(docstring)
    entries = _entries(_section(inspect.getdoc(source) or "", section))
    text = "".join(v for k, v in entries.items() if k not in described and (names is None or k in names))
    return docstring.replace(line, text.removesuffix("\n"))


def _section(docstring: str, title: str) -> str:
    """Return the body of a section of a numpydoc docstring."""
    return docstring.partition(f"{title}\n{'-' * len(title)}\n")[2].partition("\n\n")[0] + "\n"


def _entries(text: str) -> dict[str, str]:
    """Return the entries of a section, from name to text."""
    return {match[1]: match[0] for match in re.finditer(r"^(\w+) : .*\n(?:^ .*\n)*", text, re.M)}
