#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds a JSON reply on standard input to a definition of an OpenAPI 2 file: required fields, types, enumerations.

  schema_check.py OPENAPI_JSON DEFINITION < reply      prints each violation; exit 1 when there is one
"""
import json
import sys

TYPES = {"string": str, "boolean": bool, "object": dict, "array": list,
         "integer": int, "number": (int, float)}


def check(schema, value, where, definitions):
    """Yield what is wrong."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    kind = schema.get("type", "object" if "properties" in schema else None)
    is_right = kind is None or isinstance(value, TYPES[kind])
    if kind in ("integer", "number") and isinstance(value, bool):
        is_right = False
    if not is_right:
        yield f"{where}: {json.dumps(value)[:80]} is no {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {json.dumps(value)} is none of {schema['enum']}"
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                yield f"{where}.{name}: is required and not there"
        for name, sub in schema.get("properties", {}).items():
            if name in value:
                yield from check(sub, value[name], f"{where}.{name}", definitions)
        if isinstance(schema.get("additionalProperties"), dict):
            for name in value:
                if name not in schema.get("properties", {}):
                    yield from check(schema["additionalProperties"], value[name],
                                     f"{where}.{name}", definitions)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from check(schema["items"], item, f"{where}[{index}]", definitions)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        definitions = json.load(file)["definitions"]
    faults = list(check({"$ref": f"#/definitions/{sys.argv[2]}"}, json.load(sys.stdin),
                        sys.argv[2], definitions))
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
