"""Pub/Sub on loopback: so much of its gRPC API that Google's own clients publish, pull and acknowledge."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import empty_pb2, timestamp_pb2
from google.pubsub_v1 import types


class Loopback:
    """Topics, and subscriptions with their messages: those to deliver, and those that wait to be acknowledged."""

    def __init__(self) -> None:
        self.topics: dict[str, list[str]] = {}
        self.waiting: dict[str, list[Any]] = {}
        self.delivered: dict[str, dict[str, Any]] = {}
        self._ids = itertools.count(1)
        self._changed = threading.Condition()

    def redeliver(self, subscription: str) -> int:
        """Let the deadline of all that was not acknowledged pass, and return how many come again."""
        with self._changed:
            again = list(self.delivered[subscription].values())
            self.delivered[subscription].clear()
            self.waiting[subscription] = again + self.waiting[subscription]
            self._changed.notify_all()
        return len(again)

    # -- the RPCs

    def create_topic(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.topics[request.name] = []
        return request

    def publish(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.topic not in self.topics:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={request.topic}).")
        with self._changed:
            for message in request.messages:
                message.message_id = str(next(self._ids))
                message.publish_time.CopyFrom(timestamp_pb2.Timestamp(seconds=int(time.time())))
                for subscription in self.topics[request.topic]:
                    self.waiting[subscription].append(message)
            self._changed.notify_all()
        return types.PublishResponse.pb()(message_ids=[message.message_id for message in request.messages])

    def create_subscription(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.topics[request.topic].append(request.name)
        self.waiting[request.name], self.delivered[request.name] = [], {}
        return request

    def pull(self, request: Any, context: grpc.ServicerContext) -> Any:
        if request.subscription not in self.waiting:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={request.subscription}).")
        with self._changed:
            self._changed.wait_for(lambda: self.waiting[request.subscription], timeout=0.2)
            waiting = self.waiting[request.subscription]
            taken, waiting[:] = waiting[: request.max_messages], waiting[request.max_messages :]
            received = [types.ReceivedMessage.pb()(ack_id=f"ack-{m.message_id}", message=m) for m in taken]
            self.delivered[request.subscription] |= {each.ack_id: each.message for each in received}
        return types.PullResponse.pb()(received_messages=received)

    def acknowledge(self, request: Any, context: grpc.ServicerContext) -> Any:
        for ack in request.ack_ids:
            self.delivered[request.subscription].pop(ack, None)
        return empty_pb2.Empty()


SERVICES: dict[str, dict[str, type]] = {
    "Publisher": {"CreateTopic": types.Topic, "Publish": types.PublishRequest},
    "Subscriber": {
        "CreateSubscription": types.Subscription,
        "Pull": types.PullRequest,
        "Acknowledge": types.AcknowledgeRequest,
    },
}


@contextmanager
def pubsub(port: int = 0) -> Iterator[tuple[Loopback, str]]:
    """Serve a Pub/Sub of one's own, and give it and its address, as PUBSUB_EMULATOR_HOST wants it."""
    state = Loopback()
    server = grpc.server(ThreadPoolExecutor(4))
    methods: dict[str, Callable[..., Any]] = {
        "CreateTopic": state.create_topic,
        "Publish": state.publish,
        "CreateSubscription": state.create_subscription,
        "Pull": state.pull,
        "Acknowledge": state.acknowledge,
    }
    for service, calls in SERVICES.items():
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                methods[name],
                request_deserializer=kind.pb().FromString,
                response_serializer=lambda message: message.SerializeToString(),
            )
            for name, kind in calls.items()
        }
        full = f"google.pubsub.v1.{service}"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(full, handlers),))
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield state, f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait(5)
