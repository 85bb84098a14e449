"""load.py FILE: PyYAML with libyaml's scanner, which is what a Python tool would read a workflow with."""

import sys

import yaml

with open(sys.argv[1], "rb") as file:
    print(len(yaml.load(file, Loader=yaml.CSafeLoader)["tasks"]), "tasks")
