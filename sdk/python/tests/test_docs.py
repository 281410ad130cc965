"""What the documentation shows is so."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any, Dict, List

import pytest

import qcluster
import qcluster.client
import qcluster.testing

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.parametrize("module", [qcluster, qcluster.testing, qcluster.client])
def test_the_examples_of_a_module_run(module: Any) -> None:
    failed, tried = doctest.testmod(module)
    assert tried > 0 and failed == 0


def snippets() -> List[str]:
    """The programs of the README."""
    return re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_programs_of_the_readme_are_python() -> None:
    assert len(snippets()) >= 3
    for snippet in snippets():
        compile(snippet, "README.md", "exec")


def test_the_test_of_the_readme_passes() -> None:
    names: Dict[str, Any] = {}
    exec(next(snippet for snippet in snippets() if "TestCluster" in snippet), names)
    names["test_another_replica_goes_on"]()


def test_what_is_exported_is_documented() -> None:
    for module in (qcluster, qcluster.client, qcluster.testing):
        classes = [getattr(module, name) for name in module.__all__ if isinstance(getattr(module, name), type)]
        undocumented = [exported for exported in classes if not exported.__doc__]
        assert undocumented == [], module.__name__
    for name, method in vars(qcluster.QCluster).items():
        assert name.startswith("_") or method.__doc__ or not callable(method), name
