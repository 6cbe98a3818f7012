#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""lost.py MANIFEST TYPED: the fields of the first that the second doesn't have."""
import sys

import yaml


def lost(value, typed, path):
    if isinstance(value, dict) and isinstance(typed, dict):
        for key, item in value.items():
            yield from lost(item, typed.get(key), f"{path}.{key}")
    elif isinstance(value, list) and isinstance(typed, list):
        for i, item in enumerate(value):
            yield from lost(item, typed[i] if i < len(typed) else None, f"{path}.{i}")
    elif value != typed:
        yield path


with open(sys.argv[1]) as manifest, open(sys.argv[2]) as typed:
    for field in lost(yaml.safe_load(manifest), yaml.safe_load(typed), ""):
        print(field)
