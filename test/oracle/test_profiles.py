# SPDX-License-Identifier: Apache-2.0
"""What the Go collector makes of profiles, by the statements of harness/profiled.py."""

import pytest
from harness import profiled
from oracle import JSON, ask


@pytest.mark.parametrize("name", profiled.CASES)
def test_the_collector_makes_of_profiles_what_is_kept(collector, request, name, tmp_path):
    c = collector(profiled.config(name, tmp_path / "out.json"), "--feature-gates=service.profilesSupport")
    assert ask(c.ports["http"], "POST", profiled.PATH, profiled.REQUEST, JSON)[0] == 200
    c.close()
    found = profiled.told((tmp_path / "out.json").read_text())
    if request.config.getoption("--rewrite"):
        profiled.keep_expected(name, found)
    assert found == profiled.expected(name)
