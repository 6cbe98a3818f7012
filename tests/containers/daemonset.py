#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""daemonset.py FILE pod|capabilities|script: the pod that it runs on each node; of its
container, the capabilities and what its shell is given."""
import sys

import yaml

with open(sys.argv[1]) as file:
    daemonset = yaml.safe_load(file)
template = daemonset["spec"]["template"]
[container] = template["spec"]["containers"]

if sys.argv[2] == "pod":
    template["metadata"]["name"] = daemonset["metadata"]["name"]
    yaml.dump({"apiVersion": "v1", "kind": "Pod", **template}, sys.stdout, width=1000)
elif sys.argv[2] == "capabilities":
    print(*container["securityContext"]["capabilities"]["add"], sep="\n")
elif sys.argv[2] == "script":
    print(container["command"][2], end="")
