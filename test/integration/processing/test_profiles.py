# SPDX-License-Identifier: Apache-2.0
"""Statements and conditions about profiles, whose attributes stand in the dictionary of their request."""

import json

import pytest
from harness import profiled
from harness.servers.kubernetes import JSON


def sent(otelcd, tmp_path, name):
    d = otelcd(profiled.config(name, tmp_path / "out.json"), allow=["."])
    status, _, body = d.http("POST", profiled.PATH, profiled.REQUEST, JSON)
    assert status == 200, body
    d.stop()
    return (tmp_path / "out.json").read_text()


@pytest.mark.parametrize("name", profiled.CASES)
def test_profiles_become_what_they_become_in_the_collector(otelcd, tmp_path, name):
    assert profiled.told(sent(otelcd, tmp_path, name)) == profiled.expected(name)


def refused_numbers(otelcd, tmp_path, statement, change):
    """The request as `change` makes it, through one statement; what the file has of it."""
    request = json.loads(profiled.REQUEST)
    change(request)
    processors = {"transform": {"profile_statements": [{"context": "profile", "statements": [statement]}]}}
    d = otelcd(profiled.CONFIG % (json.dumps(processors), tmp_path / "out.json", "transform"), allow=["."])
    status, _, body = d.http("POST", profiled.PATH, json.dumps(request).encode(), JSON)
    assert status == 200, body
    faults = d.metric("otelcd_statement_faults", component="transform", statement=statement)
    assert d.ledger("pipeline", "profiles")["delivered"] == 4
    d.stop()
    (line,) = (tmp_path / "out.json").read_text().splitlines()
    return faults, request, json.loads(line)


def first_profile(request):
    return request["resourceProfiles"][0]["scopeProfiles"][0]["profiles"][0]


@pytest.mark.parametrize("statement", [
    'set(profile.attributes["x"], 1)',
    'set(profile.attributes["x"], profile.attributes["team"])',
    'set(profile.cache["x"], profile.attributes)',
])
@pytest.mark.parametrize("number", [5, 2147483647, -1])
def test_numbers_that_the_dictionary_has_not_fail_the_statement_and_lose_nothing(otelcd, tmp_path, statement, number):
    def change(request):
        first_profile(request)["attributeIndices"] = [1, number]

    faults, sent, left = refused_numbers(otelcd, tmp_path, statement, change)
    assert faults == 1
    assert first_profile(left)["attributeIndices"] == [1, number]
    assert left["dictionary"]["attributeTable"][: len(sent["dictionary"]["attributeTable"])][-1]["keyStrindex"] == 4


def test_a_request_without_a_dictionary_gets_one_with_what_is_set(otelcd, tmp_path):
    def change(request):
        del request["dictionary"]
        for profile in request["resourceProfiles"][0]["scopeProfiles"][0]["profiles"]:
            profile.pop("attributeIndices", None)

    faults, _, left = refused_numbers(otelcd, tmp_path, 'set(profile.attributes["x"], "y")', change)
    assert faults == 0
    assert left["dictionary"]["stringTable"] == ["", "x"]
    assert [len(p["attributeIndices"]) for p in left["resourceProfiles"][0]["scopeProfiles"][0]["profiles"]] == [1, 1, 1]
    (told,) = profiled.told(json.dumps(left))
    assert all(p["attributes"] == [["x", '{"stringValue": "y"}', ""]] for p in told["scopes"][0]["profiles"])


def test_equal_attributes_are_one_entry_of_the_dictionary(otelcd, tmp_path):
    faults, sent, left = refused_numbers(otelcd, tmp_path, 'set(profile.attributes["x"], "y")', lambda request: None)
    assert faults == 0
    assert len(left["dictionary"]["attributeTable"]) == len(sent["dictionary"]["attributeTable"]) + 1
    assert left["dictionary"]["stringTable"] == sent["dictionary"]["stringTable"] + ["x"]


def test_resources_whose_attributes_are_numbers_of_texts_are_known_by_name(otelcd, tmp_path):
    """As the Go collector sends them on."""

    def change(request):
        strings = request["dictionary"]["stringTable"]
        strings += ["numbered", "by a number"]
        request["resourceProfiles"][0]["resource"]["attributes"] = [
            {"keyStrindex": len(strings) - 2, "value": {"stringValueStrindex": len(strings) - 1}}]

    statement = 'set(profile.original_payload_format, resource.attributes["numbered"])'
    faults, _, left = refused_numbers(otelcd, tmp_path, statement, change)
    assert faults == 0
    assert left["resourceProfiles"][0]["resource"]["attributes"] == [{"key": "numbered", "value": {"stringValue": "by a number"}}]
    assert first_profile(left)["originalPayloadFormat"] == "by a number"
