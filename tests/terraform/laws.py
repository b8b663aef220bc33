"""Whether clusters keep the constraints, by Google's own CEL: run by `build/terraform/venv`, which has it.

Reads ``{"constraints": {name: {"condition", "methods"}}, "clusters": {case: {"method", "cluster"}}}`` from standard
input, a cluster as JSON of Dataproc's API, and writes ``{case: [names of the constraints that refuse it]}``. Each
condition is compiled against the message `google.cloud.dataproc.v1.Cluster` itself, so that a field that it does not
have is an error; the message's fields have the names of the JSON form, as conditions of organization policies write
them. It is evaluated on the message, and once more on the plain JSON, where a duration is a text and a field that was
not given is not there: how Google's policies see a cluster is documented for neither, and both have to agree.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from cel_expr_python import cel
from google.cloud import dataproc_v1
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

CLUSTER = "google.cloud.dataproc.v1.Cluster"


def pool_by_json_names() -> descriptor_pool.DescriptorPool:
    """Return the descriptors of Dataproc's messages, their fields named as in JSON."""
    found: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    _collect(dataproc_v1.Cluster.pb(dataproc_v1.Cluster()).DESCRIPTOR.file, found)
    pool = descriptor_pool.DescriptorPool()
    for file in found.values():
        pool.Add(file)
    return pool


def _collect(file: Any, found: dict[str, descriptor_pb2.FileDescriptorProto]) -> None:
    if file.name in found:
        return
    for needed in file.dependencies:
        _collect(needed, found)
    copy = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(copy)
    if not file.name.startswith("google/protobuf/"):
        for message in copy.message_type:
            _rename(message)
    found[file.name] = copy


def _rename(message: descriptor_pb2.DescriptorProto) -> None:
    for field in message.field:
        field.name = re.sub("_([a-z0-9])", lambda found: found[1].upper(), field.name)
    for inner in message.nested_type:
        if not inner.options.map_entry:
            _rename(inner)


def main() -> None:
    asked = json.load(sys.stdin)
    pool = pool_by_json_names()
    make = message_factory.GetMessageClass(pool.FindMessageTypeByName(CLUSTER))
    typed = cel.NewEnv(pool, variables={"resource": cel.Type(CLUSTER)})
    plain = cel.NewEnv(variables={"resource": cel.Type.DYN})
    laws = {
        name: (law["methods"], typed.compile(law["condition"]), plain.compile(law["condition"]))
        for name, law in asked["constraints"].items()
    }
    refused: dict[str, list[str]] = {}
    for case, given in asked["clusters"].items():
        message = json_format.ParseDict(given["cluster"], make())
        refused[case] = []
        for name, (methods, by_message, by_json) in laws.items():
            if given["method"] not in methods:
                continue
            verdicts = [
                by_message.eval(data={"resource": message}).value(),
                by_json.eval(data={"resource": given["cluster"]}).value(),
            ]
            if verdicts not in ([True, True], [False, False]):
                raise SystemExit(f"{case}: {name}: {verdicts[0]!r} of the message, {verdicts[1]!r} of its JSON")
            if not verdicts[0]:
                refused[case].append(name)
    json.dump(refused, sys.stdout)


if __name__ == "__main__":
    main()
