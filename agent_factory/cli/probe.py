"""How each service is seen to be ready: it answers over its protocol, and nobody else listens on its port.

PortError, from any probe of an address, where another process does.
"""

from __future__ import annotations

import time

from agent_factory.cli.port import HOST, listens_alone
from agent_factory.cli.service import Running

_SECONDS = 2.0


def answers_http(running: Running) -> bool:
    """Whether the service's health address answers 200."""
    import httpx

    if not _is_listening(running):
        return False
    paths = {"mlflow": "/health", "api": "/health/ready", "dagster-webserver": "/server_info"}
    try:
        return httpx.get(f"{running.url}{paths[running.name]}", timeout=_SECONDS).status_code == 200
    except httpx.HTTPError:
        return False


def serves_grpc(running: Running) -> bool:
    """Whether the Dagster code server says that it is serving (gRPC health protocol)."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    if not _is_listening(running):
        return False
    with grpc.insecure_channel(f"{HOST}:{running.port}") as channel:
        try:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service="DagsterApi")
            reply = stub.Check(request, timeout=_SECONDS)  # pyright: ignore[reportAttributeAccessIssue]
        except grpc.RpcError:
            return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def has_lived(running: Running, seconds: float = 3.0) -> bool:
    """Whether the process is that old: the Dagster daemon has no address of its own."""
    return time.time() - running.created >= seconds


def _is_listening(running: Running) -> bool:
    return running.port is not None and listens_alone(running.port, running.pid)
