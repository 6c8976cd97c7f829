"""The conformance driver of the PyPI package nacos-sdk-python, its client for
gRPC: requests as JSON lines on standard input, answers and events on standard
output. See ../README.md."""

import asyncio
import importlib.metadata
import json
import os
import sys
import tempfile

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)  # nothing that the library prints gets among the answers

from v2.nacos import (  # noqa: E402 - only now may it print
    BatchRegisterInstanceParam,
    ClientConfigBuilder,
    DeregisterInstanceParam,
    GRPCConfig,
    ListInstanceParam,
    ListServiceParam,
    NacosNamingService,
    RegisterInstanceParam,
    SubscribeServiceParam,
)


class Unsupported(Exception):
    pass


def say(message):
    answers.write(json.dumps(message) + "\n")


def instance(i):
    return {
        "ip": i.ip, "port": i.port, "weight": i.weight, "healthy": i.healthy, "enabled": i.enabled, "ephemeral": i.ephemeral,
        "cluster": i.clusterName, "service": i.serviceName.split("@@")[-1], "metadata": i.metadata,
    }


def where(r):
    """The service of a request, as the library's parameters name it."""
    return {"service_name": r["service"], **({"group_name": r["group"]} if r.get("group") else {})}


def many(r):
    return BatchRegisterInstanceParam(**where(r), instances=[
        RegisterInstanceParam(
            **where(r), ip=i["ip"], port=i["port"], weight=i["weight"], cluster_name=i.get("cluster", ""),
            metadata=i.get("metadata") or {})
        for i in r["instances"]
    ])


class Driver:
    def __init__(self):
        self.client = None
        self.callbacks = {}

    async def hello(self, r):
        version = importlib.metadata.version("nacos-sdk-python")
        return {"client": "nacos-sdk-python", "version": version, "language": "python", "generation": 2}

    async def connect(self, r):
        directory = tempfile.mkdtemp(prefix="conformance-python-")
        config = (
            ClientConfigBuilder().server_address(",".join(r["servers"])).namespace_id(r.get("namespace", ""))
            .username(r.get("user")).password(r.get("password"))
            .log_dir(directory).cache_dir(directory).log_level("INFO").grpc_config(GRPCConfig(grpc_timeout=5000)).build()
        )
        config.update_cache_when_empty = True
        self.client = await NacosNamingService.create_naming_service(config)

    async def register(self, r):
        done(await self.client.register_instance(RegisterInstanceParam(
            **where(r), ip=r["ip"], port=r["port"], weight=r["weight"], healthy=r["healthy"], enabled=r["enabled"],
            ephemeral=r["ephemeral"], cluster_name=r.get("cluster", ""), metadata=r.get("metadata") or {})))

    async def batch(self, r):
        done(await self.client.batch_register_instances(many(r)))

    async def batchDeregister(self, r):
        done(await self.client.batch_deregister_instances(many(r)))

    async def deregister(self, r):
        done(await self.client.deregister_instance(DeregisterInstanceParam(
            **where(r), ip=r["ip"], port=r["port"], cluster_name=r.get("cluster", ""), ephemeral=r["ephemeral"])))

    async def list(self, r):
        found = await self.client.list_instances(ListInstanceParam(
            **where(r), clusters=r.get("clusters") or [], subscribe=r.get("subscribe", False), healthy_only=None))
        return {"instances": [instance(i) for i in found]}

    async def select(self, r):
        found = await self.client.list_instances(ListInstanceParam(
            **where(r), clusters=r.get("clusters") or [], subscribe=False, healthy_only=r["healthy"]))
        return {"instances": [instance(i) for i in found]}

    async def subscribe(self, r):
        async def changed(hosts):
            say({"event": "changed", "ok": True, "service": r["service"], "group": r["group"], "instances": [instance(i) for i in hosts]})

        self.callbacks[key(r)] = changed
        await self.client.subscribe(SubscribeServiceParam(**where(r), clusters=r.get("clusters") or [], subscribe_callback=changed))

    async def unsubscribe(self, r):
        changed = self.callbacks.pop(key(r))
        await self.client.unsubscribe(SubscribeServiceParam(**where(r), clusters=r.get("clusters") or [], subscribe_callback=changed))

    async def services(self, r):
        page = await self.client.list_services(ListServiceParam(
            namespace_id=r.get("namespace", ""), page_no=r["page"], page_size=r["size"], **({"group_name": r["group"]} if r.get("group") else {})))
        return {"count": page.count, "services": page.services}

    async def status(self, r):
        return {"status": "UP" if await self.client.server_health() else "DOWN"}

    async def close(self, r):
        await self.client.shutdown()
        self.client = None


OPS = (
    "hello", "connect", "register", "batch", "batchDeregister", "deregister", "list", "select", "subscribe", "unsubscribe", "services", "status", "close",
)


def key(r):
    return (r["service"], r.get("group"), tuple(r.get("clusters") or []))


def done(ok):
    if not ok:
        raise RuntimeError("the library answered false")


async def answer(driver, r):
    try:
        if r["op"] not in OPS:
            raise Unsupported("the library has no such call")
        say({"id": r["id"], "ok": True, "result": await getattr(driver, r["op"])(r)})
    except Unsupported as e:
        say({"id": r["id"], "ok": False, "unsupported": True, "error": str(e)})
    except Exception as e:  # whatever the library raises is the answer
        say({"id": r["id"], "ok": False, "error": f"{type(e).__name__}: {e}"})


async def main():
    driver = Driver()
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await answer(driver, json.loads(line))


asyncio.run(main())
os._exit(0)  # not after what the library still waits for
