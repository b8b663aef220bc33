"""The schema of Google's Terraform provider, read out of the CDKTF package that was generated from it.

The provider itself cannot be had from a package registry. `@cdktf/provider-google` can: for each resource it says in
JavaScript how its attributes and blocks are written, and in `.jsii` which are required, which are only read, and what
the documentation says. What comes out has the shape of `terraform providers schema -json`, with the documented values
of an attribute besides; `provider/` serves it.

    python schema.py read FOLDER_OF_THE_PACKAGE SCHEMA.json
    python schema.py select SCHEMA.json FEWER.json FILE...     what FILEs name of it: all of it takes Terraform seconds
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

PACKAGE = "@cdktf/provider-google."
SIMPLE = {"string": "string", "number": "number", "boolean": "bool", "any": "dynamic"}
OURS_OR_THEIRS = ("id", "project", "region", "zone", "location")
"""Optional attributes that the provider fills in when they are not given."""
KINDS = {"TerraformResource": "resource_schemas", "TerraformDataSource": "data_source_schemas"}
ENTRY = re.compile(
    r'^(?: {8}| {12})(\w+): \{\n\s+value: (.*?),\n\s+isBlock: (true|false),\n\s+type: "(\w+)",\n'
    r'\s+storageClassType: "(\w+)"',
    re.MULTILINE | re.DOTALL,
)
BODY = re.compile(r"synthesizeHclAttributes\(\) \{\n(.*?)\n    \}\n", re.DOTALL)
NESTED = re.compile(r"(string|number|boolean|any)(List|Set|Map)(List|Set|Map)?")
VALUES = re.compile(r'Possible values: \[("[^\]]*")\]')


def snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)


class Resource:
    """One resource, data source or the provider's own configuration."""

    def __init__(self, package: Path, types: dict[str, Any], namespace: str) -> None:
        self.types, self.namespace = types, namespace
        folder = package / "lib" / re.sub(r"([A-Z])", r"-\1", namespace).lower()
        files = [folder / "index-structs" / "index.js", folder / "index.js"]
        files += sorted(folder.glob("index-structs/structs*.js"))
        self.script = "".join(file.read_text() for file in files if file.exists())

    @cached_property
    def functions(self) -> dict[str, str]:
        found = re.findall(r"^function (\w+)ToHclTerraform\(struct\) \{\n(.*?)\n\}", self.script, re.M | re.S)
        return dict(found)

    @property
    def terraform_name(self) -> str:
        return re.findall(r"terraformResourceType: '(\w+)'", self.script)[-1]

    def schema(self, owner: dict[str, Any]) -> dict[str, Any]:
        body = BODY.findall(self.script)[-1].replace("\n            ", "\n        ")
        return {"block": self.block(body, self.named(owner["name"] + "Config") or {}, owner)}

    def named(self, name: str) -> dict[str, Any] | None:
        return self.types.get(f"{PACKAGE}{self.namespace}.{name}")

    def block(self, body: str, given: dict[str, Any], owner: dict[str, Any]) -> dict[str, Any]:
        """Return a block's attributes and nested blocks, from what writes it, takes it and reads it."""
        properties = {snake(each["name"]): each for each in given.get("properties", [])}
        attributes: dict[str, Any] = {}
        blocks: dict[str, Any] = {}
        for name, value, is_block, kind, storage in ENTRY.findall(body):
            required = name in properties and not properties[name].get("optional")
            if is_block == "true":
                blocks |= self.nested(name, value, kind, storage, required)
            else:
                attributes[name] = self.attribute(name, kind, storage, required, properties.get(name, {}))
        for name, made in self.read_only(owner).items():
            if name not in attributes and name not in blocks:
                attributes[name] = {"type": made, "computed": True}
        return {"attributes": attributes, "block_types": blocks}

    def nested(self, name: str, value: str, kind: str, storage: str, required: bool) -> dict[str, Any]:
        struct = storage if kind == "struct" else storage.removesuffix("List")
        inner = self.block(
            self.functions[struct[0].lower() + struct[1:]],
            self.named(struct) or {},
            self.named(struct + "OutputReference") or {},
        )
        if kind == "struct":
            return {name: {"nesting_mode": "single", "block": inner}}
        bounds = ({"min_items": 1} if required else {}) | ({} if "listMapperHcl" in value else {"max_items": 1})
        return {name: {"nesting_mode": kind, "block": inner} | bounds}

    def attribute(self, name: str, kind: str, storage: str, required: bool, said: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"type": self.written(kind, storage), "required" if required else "optional": True}
        docs = said.get("docs", {})
        values = VALUES.search(docs.get("summary", "") + " " + docs.get("remarks", ""))
        if values and made["type"] == "string":
            made["enum"] = re.findall(r'"([^"]*)"', values[1])
        if name in OURS_OR_THEIRS and not required:
            made["computed"] = True
        return made

    def written(self, kind: str, storage: str) -> Any:
        """Return the type of an attribute by how it is written."""
        if storage in SIMPLE:
            return SIMPLE[storage]
        if found := NESTED.fullmatch(storage):
            inner = SIMPLE[found[1]]
            return [kind, [found[2].lower(), inner] if found[3] else inner]
        outer = kind if kind in ("list", "set") else "list"
        struct = self.named(storage.removesuffix("List"))
        if struct is None:
            return [outer, "dynamic"]
        fields = {snake(each["name"]): self.read(_first(each["type"])) or "string" for each in struct["properties"]}
        return [outer, ["object", fields]]

    def read_only(self, owner: dict[str, Any]) -> dict[str, Any]:
        """Return the types of what can only be read of a resource or a block."""
        properties = owner.get("properties", [])
        names = {each["name"] for each in properties}
        own = ("internalValue", "tfResourceType", "fqn")
        found = {
            snake(each["name"]): self.read(each["type"])
            for each in properties
            if each.get("immutable")
            and not each.get("static")
            and not each["name"].endswith("Input")
            and each["name"] + "Input" not in names
            and each["name"] not in own
        }
        return {name: made for name, made in found.items() if made}

    def read(self, said: dict[str, Any]) -> Any:
        """Return the type of an attribute by how it is read."""
        if "primitive" in said:
            return SIMPLE.get(said["primitive"], "dynamic")
        if "collection" in said:
            outer = "list" if said["collection"]["kind"] == "array" else "map"
            return [outer, self.read(said["collection"]["elementtype"])]
        name = said.get("fqn", "")
        maps = {"StringMap": "string", "NumberMap": "number", "BooleanMap": "bool", "AnyMap": "string"}
        if name == "cdktf.IResolvable":
            return "bool"
        if name.removeprefix("cdktf.") in maps:
            return ["map", maps[name.removeprefix("cdktf.")]]
        reader = self.types.get(name.removesuffix("List") + "OutputReference") if name.endswith("List") else None
        return ["list", ["object", self.read_only(reader)]] if reader else None


def _first(said: dict[str, Any]) -> dict[str, Any]:
    return said["union"]["types"][0] if "union" in said else said


def schema_of(package: Path) -> dict[str, Any]:
    """Return the whole schema of the package in ``package``."""
    types = json.loads((package / ".jsii").read_text())["types"]
    made: dict[str, Any] = {"resource_schemas": {}, "data_source_schemas": {}}
    for owner in types.values():
        base = owner.get("base", "").removeprefix("cdktf.")
        if base == "TerraformProvider":
            made["provider"] = Resource(package, types, owner["namespace"]).schema(owner)
        elif base in KINDS:
            resource = Resource(package, types, owner["namespace"])
            made[KINDS[base]][resource.terraform_name] = resource.schema(owner)
    return made


def selected(schema: dict[str, Any], texts: Iterable[str]) -> dict[str, Any]:
    """Return of ``schema`` the resources and data sources that ``texts`` name."""
    named = {name for text in texts for name in re.findall(r'"(google_\w+)"', text)}
    kinds = KINDS.values()
    fewer = {kind: {name: each for name, each in schema[kind].items() if name in named} for kind in kinds}
    return schema | fewer


def main(verb: str, source: str, target: str, *files: str) -> None:
    if verb == "read":
        made = schema_of(Path(source))
    else:
        made = selected(json.loads(Path(source).read_text()), (Path(file).read_text() for file in files))
    Path(target).write_text(json.dumps(made, separators=(",", ":"), sort_keys=True))
    print(f"{len(made['resource_schemas'])} resources and {len(made['data_source_schemas'])} data sources")


if __name__ == "__main__":
    main(*sys.argv[1:])
